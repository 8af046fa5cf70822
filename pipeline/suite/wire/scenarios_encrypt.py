"""The Encrypt method and its way back: limits of the reply, randomness, round trips, concurrency."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.kms import EncryptReply, KmsCallError, KmsClient
from pipeline.harness.kms.client import fresh_uid
from pipeline.harness.kms.contract import annotations_problem, ciphertext_problem
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.threads import at_once
from pipeline.suite.wire.secrets import shapes_in
from pipeline.suite.wire.steps import replied, same, seed

CONCURRENT: Final = 100
_PROTO: Final = "k8s.io/kms apis/v2/api.proto"
_ENVELOPE: Final = "kubernetes/apiserver pkg/storage/value/encrypt/envelope/kmsv2/envelope.go"
_CONFIG: Final = "kubernetes/apiserver pkg/server/options/encryptionconfig/config.go"


@scenario(
    Scenario(
        id="A05",
        title="Encrypt of 32 bytes gives 1 to 1024 bytes, not the plaintext, under the keyID of Status",
        level=Level.MUST,
        source=f"{_PROTO}, EncryptResponse; {_ENVELOPE}, validateEncryptedDEKSource; {_CONFIG}, rotateDEKOnKeyIDChange",
        subject=Subject.PLUGIN,
        twin=Twin("Encrypt names another key than Status", r"keyID of Encrypt: saw another-key, wanted"),
    )
)
def scenario_encrypt_has_the_fields_of_the_contract(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """One Status and one Encrypt of a random seed; the fields of the reply, which must not merely encode the seed."""
    plaintext = seed()
    status = replied(proof, "Status", kms_client.status)
    reply = replied(proof, "Encrypt", lambda: kms_client.encrypt(plaintext))
    problem = ciphertext_problem(reply.ciphertext)
    proof.that(
        "ciphertext", observed=problem or f"{len(reply.ciphertext)} bytes", wanted="1 to 1024 bytes", holds=not problem
    )
    shown = ", ".join(shapes_in(reply.ciphertext, [plaintext]))
    proof.that("plaintext in the ciphertext", observed=shown or "no", wanted="no")
    proof.that("keyID of Encrypt", observed=reply.key_id, wanted=status.key_id)


@scenario(
    Scenario(
        id="A06",
        title="Annotations have domain names as keys, 32 KiB at most, and no plaintext",
        level=Level.MUST,
        source=f"{_PROTO}, EncryptResponse.annotations (stored in plaintext in etcd); {_ENVELOPE}, validateAnnotations",
        subject=Subject.PLUGIN,
        twin=Twin("an annotation's key is no domain name", r"is not a fully qualified domain name"),
    )
)
def scenario_annotations_are_acceptable(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """One Encrypt; kube-apiserver's validation written anew, and a search for the seed in several encodings."""
    plaintext = seed()
    reply = replied(proof, "Encrypt", lambda: kms_client.encrypt(plaintext))
    problem = annotations_problem(reply.annotations)
    seen = problem or f"{len(reply.annotations)} acceptable"
    proof.that("annotations", observed=seen, wanted="acceptable", holds=not problem)
    leaks = [key for key, value in reply.annotations.items() if shapes_in(key.encode() + b"=" + value, [plaintext])]
    seen = f"in annotation {', '.join(leaks)}" if leaks else "no"
    proof.that("plaintext in the annotations", observed=seen, wanted="no")


@scenario(
    Scenario(
        id="A07",
        title="The same plaintext encrypted twice gives different ciphertexts, and so do different plaintexts",
        level=Level.SHOULD,
        source="NIST SP 800-38D 8: no IV twice under a key; equal ciphertexts tell which seeds are equal",
        subject=Subject.PLUGIN,
        twin=Twin("the same plaintext gives the same ciphertext", r"different ciphertexts of one plaintext: saw 1"),
    )
)
def scenario_encryption_is_randomised(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Ten Encrypts of one seed and ten of different ones; the ciphertexts are all different."""
    times = 10
    one = seed()
    for what, plaintexts in (("one plaintext", [one] * times), ("ten plaintexts", [seed() for _ in range(times)])):
        replies = [replied(proof, "Encrypt", partial(kms_client.encrypt, text)) for text in plaintexts]
        different = {reply.ciphertext for reply in replies}
        proof.that(f"different ciphertexts of {what}", observed=len(different), wanted=times)


@scenario(
    Scenario(
        id="A08",
        title="Decrypt gives back what was encrypted, with the same uid and with another",
        level=Level.MUST,
        source=f"{_PROTO}, Encrypt and Decrypt: the uid identifies a request and is new for each",
        subject=Subject.PLUGIN,
        twin=Twin("decrypts only for the uid that encrypted", r"Decrypt with another uid: saw INVALID_ARGUMENT"),
    )
)
def scenario_decrypt_inverts_encrypt(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Five random seeds; each is decrypted with the uid of its encryption and with a fresh one."""
    for _ in range(5):
        plaintext, uid = seed(), fresh_uid()
        reply = replied(proof, "Encrypt", partial(kms_client.encrypt, plaintext, uid=uid))
        for which, again in (("the same", uid), ("another", fresh_uid())):
            opened = replied(proof, f"Decrypt with {which} uid", partial(kms_client.decrypt, reply, uid=again))
            proof.that(f"plaintext with {which} uid", observed=same(opened, plaintext), wanted="the same bytes")


@scenario(
    Scenario(
        id="A13",
        title="100 concurrent round trips give no plaintext of another call",
        level=Level.MUST,
        source=f"{_PROTO}, Decrypt; kube-apiserver calls concurrently (grpc_service_unix_test.go, concurrent access)",
        subject=Subject.PLUGIN,
        twin=Twin("concurrent Decrypts get each other's plaintext", r"plaintexts of other calls: saw [1-9]"),
    )
)
def scenario_concurrent_calls_do_not_mix(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Encrypt 100 seeds at once, then decrypt what came back at once; errors are looked at by A13b."""
    trips = _round_trips(kms_client)
    compared = [trip for trip in trips if trip.opened is not None]
    wrong = sum(trip.opened != trip.plaintext for trip in compared)
    proof.that("round trips that came back", observed=len(compared), wanted="1 or more", holds=bool(compared))
    proof.that("plaintexts of other calls", observed=wrong, wanted=0)


@scenario(
    Scenario(
        id="A13b",
        title="100 concurrent round trips end without an error",
        level=Level.SHOULD,
        source="Azure/kubernetes-kms issue 52: an API server that starts asks for many seeds at once",
        subject=Subject.PLUGIN,
        twin=Twin("refuses more than 20 calls at once", r"errors in 100 round trips: saw [1-9]\d* \(RESOURCE"),
    )
)
def scenario_concurrent_calls_do_not_fail(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Encrypt 100 seeds at once, then decrypt them at once, and count the errors."""
    errors = [trip.error for trip in _round_trips(kms_client) if trip.error]
    seen = f"{len(errors)} ({errors[0]})" if errors else "0"
    proof.that(f"errors in {CONCURRENT} round trips", observed=seen, wanted="0")


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    plaintext: bytes
    wrapped: EncryptReply | None = None
    opened: bytes | None = None
    error: str = ""


def _round_trips(client: KmsClient) -> list[_RoundTrip]:
    """Make many round trips, first all Encrypts at once, then all Decrypts at once."""
    begun = [_RoundTrip(seed()) for _ in range(CONCURRENT)]
    half = at_once([partial(_encrypted, client, trip) for trip in begun], CONCURRENT)
    return at_once([partial(_decrypted, client, trip) for trip in half], CONCURRENT)


def _encrypted(client: KmsClient, trip: _RoundTrip) -> _RoundTrip:
    try:
        return dataclasses.replace(trip, wrapped=client.encrypt(trip.plaintext))
    except KmsCallError as error:
        return dataclasses.replace(trip, error=f"{error.code}: {error.details}")


def _decrypted(client: KmsClient, trip: _RoundTrip) -> _RoundTrip:
    if trip.wrapped is None:
        return trip
    try:
        return dataclasses.replace(trip, opened=client.decrypt(trip.wrapped))
    except KmsCallError as error:
        return dataclasses.replace(trip, error=f"{error.code}: {error.details}")
