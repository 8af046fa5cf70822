"""What is broken for each scenario of family F."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.architectures import FOLDER
from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, ResourceRule
from pipeline.harness.api import Reply, secret_key
from pipeline.harness.control_plane import ControlPlane, Equipment
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.proxy import Error
from pipeline.harness.storage import DekSourceType, decode, encode
from pipeline.host.project import reference_spec
from pipeline.suite.lifecycle import scenarios_soak
from tests.e2e.twins.breaks import Sabotage
from tests.e2e.twins.twins_failure import never_healed, sticky

_HOOKS: Final = reference_spec().hooks
_ANOTHER_RING: Final = tuple(word.replace("keyring.json", "another.json") for word in reference_spec().argv)


def declared_as_seed(plane: ControlPlane) -> None:
    """Declare each DEK that is put into etcd as a seed."""
    put = plane.etcd.put

    def putting(key: str, value: bytes) -> None:
        kind = DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED
        put(key, encode(dataclasses.replace(decode(value), dek_source_type=kind)))

    plane.etcd.put = putting  # type: ignore[method-assign] # breaking it is the purpose


def wrapped_again(plane: ControlPlane) -> None:
    """Wrap the seed of five objects in each hundred once more, so that each of them needs a Decrypt of its own."""
    put_many, client = plane.etcd.put_many, plane.plugin.client

    def again(value: bytes) -> bytes:
        stored = decode(value)
        new = client.encrypt(client.decrypt(stored.wrapped))
        return encode(dataclasses.replace(stored, encrypted_dek_source=new.ciphertext, annotations=new.annotations))

    def putting(values: Sequence[tuple[str, bytes]]) -> None:
        put_many([(key, again(value) if at % 20 == 0 else value) for at, (key, value) in enumerate(values)])

    plane.etcd.put_many = putting  # type: ignore[method-assign] # breaking it is the purpose


def new_provider_late(plane: ControlPlane) -> None:
    """Keep every further API server on the configuration that it began with."""
    make = plane.make_server

    def making(name: str, *flags: str) -> KubeApiServer:
        server = make(name, *flags)
        write, begun = server.write_configuration, list[EncryptionConfiguration]()

        def writing(configuration: EncryptionConfiguration) -> None:
            begun.append(configuration)
            write(begun[0])

        server.write_configuration = writing  # type: ignore[method-assign] # breaking it is the purpose
        return server

    plane.make_server = making  # type: ignore[method-assign] # breaking it is the purpose


def old_key_stays(plane: ControlPlane) -> None:
    """Let the hook that disables the old key do nothing."""
    hook = plane.plugin.hook

    def hooking(name: str, **values: str) -> str:
        return "" if name == "disable_old_key" else hook(name, **values)

    plane.plugin.hook = hooking  # type: ignore[method-assign] # breaking it is the purpose


def slow_when_encrypted(plane: ControlPlane) -> None:
    """Let five reads precede each creation of a Secret where the plugin encrypts it, so that it takes several times."""
    if Identity() == plane.configuration().rules[0].providers[0]:
        return
    create = plane.api.create_secret

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        for _ in range(5):
            plane.api.get(f"/api/v1/namespaces/{namespace}")
        return create(namespace, name, data)

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def another_provider_each_time(plane: ControlPlane) -> None:
    """Let each configuration keep a provider for each one before; a tenth of the reloads is enough to show it."""
    scenarios_soak.RELOADS_WANTED = 16
    write, names = plane.server.write_configuration, list[KmsProvider]()

    def writing(configuration: EncryptionConfiguration) -> None:
        names.append(KmsProvider(f"left-{len(names)}", f"unix://{plane.plugin.socket}"))
        rule = configuration.rules[0]
        write(EncryptionConfiguration((ResourceRule(rule.resources, (*rule.providers, *names)),)))

    plane.server.write_configuration = writing  # type: ignore[method-assign] # breaking it is the purpose


def shorter_load(_: ControlPlane) -> None:
    """Load for a minute: what the broken plugin keeps is far above the limit by then."""
    scenarios_soak.LOAD_S = 60.0


def killed_in_the_outage(plane: ControlPlane) -> None:
    """Kill kube-apiserver when it is asked for the third time whether it lives, as a liveness probe's owner would."""
    get, looks = plane.api.get, itertools.count(1)

    def getting(path: str) -> Reply:
        if path == "/livez" and next(looks) == 3 and plane.server.process is not None:
            plane.server.process.kill()
        return get(path)

    plane.api.get = getting  # type: ignore[method-assign] # breaking it is the purpose


def seeds_stay_wrapped(plane: ControlPlane) -> None:
    """Let Decrypt fail for the first server as soon as its plugin shows the new key."""
    faults = plane.proxy.faults
    original = faults.set
    faults.clear = lambda: original(Error(methods=("Decrypt",)))  # type: ignore[method-assign] # on purpose


def altered_with_upgrade(plane: ControlPlane) -> None:
    """Alter a stored Secret as soon as another kube-apiserver is ready; before, it would keep it from being so."""
    server, create, created = plane.server, plane.api.create_secret, list[str]()
    ready = server.wait_ready

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        created.append(secret_key(namespace, name))
        return create(namespace, name, data)

    def ready_and_altered(timeout_s: float = 90.0) -> None:
        ready(timeout_s)
        first, second = (plane.etcd.get(key) for key in created[:2])
        if first is not None and second is not None:
            plane.etcd.put(first.key, second.value)

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose
    server.wait_ready = ready_and_altered  # type: ignore[method-assign] # breaking it is the purpose


@dataclass(frozen=True, slots=True)
class OtherKeysElsewhere(Sabotage):
    """A plugin for another architecture that is told of another key ring."""

    def equipment(self, healthy: Equipment) -> Equipment:
        """Return the equipment with a folder of links; without such a plugin it stays as it is."""
        other = healthy.assets / FOLDER
        if not other.is_dir():
            return healthy
        folder = linked(healthy, "twin-F62", without=FOLDER)
        (folder / FOLDER).mkdir()
        for path in other.iterdir():
            if path.name != "plugin.json":
                (folder / FOLDER / path.name).symlink_to(path)
        text = (other / "plugin.json").read_text().replace("keyring.json", "another.json")
        (folder / FOLDER / "plugin.json").write_text(text)
        return dataclasses.replace(healthy, assets=folder)


def linked(healthy: Equipment, name: str, *, without: str) -> Path:
    """Return a folder of links to the binaries but one."""
    folder = Path(tempfile.mkdtemp(dir=healthy.evidence.logs(name).parent))
    for path in healthy.assets.iterdir():
        if path.name != without:
            (folder / path.name).symlink_to(path)
    return folder


@dataclass(frozen=True, slots=True)
class OtherProvenance(Sabotage):
    """Binaries beside a provenance.json that names a Go version which none was built with."""

    def equipment(self, healthy: Equipment) -> Equipment:
        """Return the equipment with a folder of links."""
        folder = linked(healthy, "twin-F63", without="provenance.json")
        artifacts = [{"name": name, "go_version": "1.25.1"} for name in ("etcd", "kube-apiserver")]
        (folder / "provenance.json").write_text(json.dumps({"go_version": "1.25.1", "artifacts": artifacts}))
        return dataclasses.replace(healthy, assets=folder)


LIFECYCLE: Final[dict[str, Sabotage]] = {
    "F56": Sabotage(plane=old_key_stays),
    "F59": Sabotage(plane=never_healed),
    "F59c": Sabotage(plane=never_healed),
    "F59b": Sabotage(plane=new_provider_late),
    "F58": Sabotage(plane=altered_with_upgrade),
    "F58b": Sabotage(plane=declared_as_seed),
    "F57": Sabotage(hooks={**_HOOKS, "other_version": _ANOTHER_RING}),
    "F70": Sabotage(plane=sticky(Error(methods=("Decrypt",), every_nth=5))),
    "F58c": Sabotage(plane=altered_with_upgrade),
    "F62": OtherKeysElsewhere(),
    "F61": Sabotage(plane=slow_when_encrypted),
    "F71": Sabotage(plane=another_provider_each_time),
    "F72": Sabotage(plugin_fault="grows", plane=shorter_load),
    "F73": Sabotage(plane=killed_in_the_outage),
    "F63": OtherProvenance(),
    "F60": Sabotage(plane=wrapped_again),
}
