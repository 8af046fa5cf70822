"""D45 and D77: replies that kube-apiserver must not take, each named by health, and no data written with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy import Damage, EditEncrypt, EditStatus, Fault, oversize_annotations
from pipeline.suite.failure.sides import Side, Sides
from pipeline.suite.failure.steps import HEALTH, NOTICED_TIMEOUT_S, await_ready, prove_live
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import CREATED, alive, new_namespace, reached, sealed

_NAMES: Final = ("one", "two", "three", "four", "five", "six")
_LONG: Final = "k" * 1025
_LONGEST: Final = "k" * 1024
_NEW: Final = "kms-e2e-new-key"
_INVALID: Final = "apiserver_envelope_encryption_invalid_key_id_from_status_total"
_CONFIG: Final = "kubernetes/apiserver encryptionconfig/config.go"
MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@pytest.fixture
def sides(scenario_equipment: Equipment, plane_name: str) -> Iterator[Sides]:
    """Return the configuration with a provider for each bad reply."""
    sides = Sides(_NAMES, plane=plane_name, evidence=scenario_equipment.evidence)
    yield sides
    sides.close()


def _bad_statuses(version: str) -> dict[str, tuple[Fault, str]]:
    other = "v2beta1" if version == "v2" else "v2"
    return {
        "one": (EditStatus(healthz="fault: the key is gone"), "got unexpected healthz status: fault: the key is gone"),
        "two": (
            EditStatus(version=other),
            f"should not change after the initial status response version {version}, got {other}",
        ),
        "three": (EditStatus(version="v3"), "expected KMSv2 API version v2, got v3"),
        "four": (EditStatus(key_id=""), "keyID is empty"),
        "five": (EditStatus(key_id=_LONG), "keyID is 1025 bytes, which exceeds the max size of 1024"),
    }


@scenario(
    Scenario(
        id="D45",
        title="a bad Status is named by health and counted, and writes go on with the seed of before",
        level=Level.MUST,
        source=f"{_CONFIG} isKMSv2ProviderHealthyAndMaybeRotateDEK; kmsv2/envelope.go ValidateKeyID",
        subject=Subject.KUBE_APISERVER,
        deadline_s=120,
        waits=True,
        twin=Twin(breaks="proxy: one of the bad Status is good", reason="each bad reply is named"),
    )
)
def scenario_bad_status(sides: Sides, make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """Other healthz, other and unknown version, empty and 1025-byte keyID at once: readyz text and metric of each."""
    plane = make_control_plane(ControlPlaneOptions(configure=sides))
    namespace = new_namespace(plane, proof)
    bad = _bad_statuses(plane.plugin.client.status().version)
    for name, (fault, _) in bad.items():
        sides.sides[name].proxy.faults.set(fault)
    _prove_named(plane, proof, sides, {name: words for name, (_, words) in bad.items()})
    for name, error in (("four", "empty"), ("five", "too_long")):
        counted = plane.api.total(_INVALID, provider_name=name, error=error)
        proof.that(f"invalid_key_id_from_status_total, {error}", observed=counted, wanted="> 0", holds=counted > 0)
    _prove_coasting(plane, proof, sides, namespace)
    sides.heal()
    await_ready(plane, proof)


@scenario(
    Scenario(
        id="D77",
        title="an Encrypt reply beyond the limits is discarded",
        level=Level.MUST,
        source="kubernetes/apiserver kmsv2/envelope.go ValidateEncryptedObject",
        subject=Subject.KUBE_APISERVER,
        deadline_s=120,
        waits=True,
        twin=Twin(breaks="proxy: the replies keep the limits", reason="each bad reply is named"),
    )
)
def scenario_bad_encrypt(sides: Sides, make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """With a new keyID, five bad Encrypt replies are named by health and reach no object; 1024 bytes of keyID do."""
    plane = make_control_plane(ControlPlaneOptions(configure=sides))
    namespace = new_namespace(plane, proof)
    for name, (edit, _) in _BAD_ENCRYPTS.items():
        sides.sides[name].proxy.faults.set(EditStatus(key_id=_NEW), edit)
    sides.sides["six"].proxy.faults.set(EditStatus(key_id=_LONGEST), EditEncrypt(key_id=_LONGEST))
    _prove_named(plane, proof, sides, {name: words for name, (_, words) in _BAD_ENCRYPTS.items()})
    longest = sides.sides["six"]
    _await_longest(plane, proof, longest, namespace)
    longest.proxy.faults.clear()
    _prove_coasting(plane, proof, sides, namespace, but="six")
    sides.heal()
    await_ready(plane, proof)


def _await_longest(plane: ControlPlane, proof: ProofRecorder, side: Side, namespace: str) -> None:
    """Wait until new objects have the longest keyID: each provider's Status is asked for at its own time."""

    def written() -> str | bool:
        plane.api.get(HEALTH)
        seen = _written_key_id(plane, proof, side, namespace)
        return seen == _LONGEST or f"not yet: new objects have keyID {seen!r}"

    what = "new objects have a keyID of 1024 bytes"
    reached(proof, what, written, timeout_s=NOTICED_TIMEOUT_S, poll_s=0.5, alive=alive(plane))


_BAD_ENCRYPTS: Final[Mapping[str, tuple[Fault, str]]] = {
    "one": (EditEncrypt(key_id=_NEW, ciphertext=Damage.EMPTY), "encrypted DEK source is empty"),
    "two": (EditEncrypt(key_id=_NEW, ciphertext=Damage.OVERSIZE), "encrypted DEK source is 1025 bytes"),
    "three": (EditEncrypt(key_id=_NEW, annotations=oversize_annotations()), "total size of annotations is 32769"),
    "four": (EditEncrypt(key_id=_NEW, annotations={"Not A Domain": b"1"}), "Not A Domain"),
    "five": (EditEncrypt(key_id=_LONG), "keyID is 1025 bytes"),
}


def _prove_named(plane: ControlPlane, proof: ProofRecorder, sides: Sides, words: Mapping[str, str]) -> None:
    """Wait until one answer of health names every bad provider with its reason; the same answer names no other."""

    def named() -> str | bool:
        text = _entries(plane.api.get(HEALTH).text)
        missing = [
            f"{name}: {said}" for name, said in words.items() if said not in text.get(sides.sides[name].index, "")
        ]
        return not missing or f"not yet: not named: {'; '.join(missing)}; said: {text}"

    reached(proof, "each bad reply is named", named, timeout_s=NOTICED_TIMEOUT_S, alive=alive(plane))
    healthy = [side.name for side in sides.sides.values() if side.name not in words]
    text = _entries(plane.api.get(HEALTH).text)
    wrongly = [name for name in healthy if sides.sides[name].index in text]
    proof.that("healthy providers that are named", observed=wrongly, wanted=[])
    prove_live(plane, proof)


def _entries(text: str) -> dict[int, str]:
    """Split the text of health by provider; kube-apiserver numbers them in the order of the configuration."""
    found: dict[int, str] = {}
    for part in text.split("kms-provider-")[1:]:
        number, _, rest = part.partition(": ")
        found[int(number)] = rest
    return found


def _prove_coasting(plane: ControlPlane, proof: ProofRecorder, sides: Sides, namespace: str, but: str = "") -> None:
    """Prove that every side still writes, with the plugin's own keyID."""
    real = plane.plugin.client.status().key_id
    for side in sides.sides.values():
        if side.name != but:
            proof.that(
                f"keyID written by provider {side.name}",
                observed=_written_key_id(plane, proof, side, namespace),
                wanted=real,
            )


def _written_key_id(plane: ControlPlane, proof: ProofRecorder, side: Side, namespace: str) -> str:
    name, reply = side.create(plane, namespace)
    if reply.status != CREATED:
        proof.that(f"write by provider {side.name}", observed=str(reply), wanted="HTTP 201", holds=False)
    return sealed(plane, side.key(namespace, name)).key_id
