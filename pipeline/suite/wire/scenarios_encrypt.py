"""The Encrypt method and its way back: limits of the reply, randomness, round trips, concurrency."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.kms import KmsClient
from pipeline.harness.kms.client import fresh_uid
from pipeline.harness.kms.contract import annotations_problem, ciphertext_problem
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.steps import at_once, replied, same, seed

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
    """One Status and one Encrypt of a random seed; the fields of the reply."""
    plaintext = seed()
    status = replied(proof, "Status", kms_client.status)
    reply = replied(proof, "Encrypt", lambda: kms_client.encrypt(plaintext))
    problem = ciphertext_problem(reply.ciphertext)
    proof.that(
        "ciphertext", observed=problem or f"{len(reply.ciphertext)} bytes", wanted="1 to 1024 bytes", holds=not problem
    )
    hidden = plaintext not in reply.ciphertext
    proof.that("plaintext in the ciphertext", observed="no" if hidden else "yes", wanted="no")
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
    """One Encrypt; kube-apiserver's validation written anew, and a search for the seed in three encodings."""
    plaintext = seed()
    reply = replied(proof, "Encrypt", lambda: kms_client.encrypt(plaintext))
    problem = annotations_problem(reply.annotations)
    seen = problem or f"{len(reply.annotations)} acceptable"
    proof.that("annotations", observed=seen, wanted="acceptable", holds=not problem)
    leak = _found_in(reply.annotations, plaintext)
    proof.that("plaintext in the annotations", observed=leak or "no", wanted="no")


@scenario(
    Scenario(
        id="A07",
        title="The same plaintext encrypted twice gives different ciphertexts, and so do different plaintexts",
        level=Level.SHOULD,
        source="conformance checklist 7; equal ciphertexts tell a reader of etcd that two seeds are equal",
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
        title="100 concurrent round trips: no error, no plaintext of another call",
        level=Level.MUST,
        source=f"{_PROTO}, Decrypt; kube-apiserver calls concurrently (grpc_service_unix_test.go, concurrent access)",
        subject=Subject.PLUGIN,
        twin=Twin("concurrent Decrypts get each other's plaintext", r"of 100 plaintexts: saw \d+ right"),
    )
)
def scenario_concurrent_calls_do_not_mix(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """100 seeds are encrypted at once, then decrypted at once; each comes back from its own call."""
    plaintexts = [seed() for _ in range(CONCURRENT)]
    encrypts = [partial(kms_client.encrypt, text) for text in plaintexts]
    replies = replied(proof, "100 Encrypts at once", lambda: at_once(encrypts, CONCURRENT))
    decrypts = [partial(kms_client.decrypt, reply) for reply in replies]
    opened = replied(proof, "100 Decrypts at once", lambda: at_once(decrypts, CONCURRENT))
    right = sum(seen == wanted for seen, wanted in zip(opened, plaintexts, strict=True))
    proof.that(f"of {CONCURRENT} plaintexts", observed=f"{right} right", wanted=f"{CONCURRENT} right")


def _found_in(annotations: Mapping[str, bytes], plaintext: bytes) -> str:
    shapes = (plaintext, plaintext.hex().encode(), base64.b64encode(plaintext).rstrip(b"="))
    for key, value in annotations.items():
        if any(shape in value or shape in key.encode() for shape in shapes):
            return f"in annotation {key}"
    return ""
