"""What Decrypt must not accept, and what the plugin must survive."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.kms import EncryptReply, KmsClient
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.steps import is_refused, refused, round_trip, seed, serving_pid, still_served

MIB: Final = 1024 * 1024
FUZZED: Final = 200
_SPREAD: Final = 64
# A group that never ends, a length beyond the end, and text that is no UTF-8.
_NO_MESSAGES: Final = (b"\xff" * 16, b"\x0a\xff\xff\xff\xff\x0f", b"\x1a\x02\xc3\x28")


@scenario(
    Scenario(
        id="A09",
        title="Decrypt with a keyID that never was fails and returns no bytes",
        level=Level.SHOULD,
        source="k8s.io/kms apis/v2/api.proto, DecryptRequest.key_id; known plugins ignore it, so no MUST",
        subject=Subject.PLUGIN,
        twin=Twin("Decrypt takes any keyID", r"Decrypt with .* keyID: saw a reply of 32 bytes"),
    )
)
def scenario_unknown_key_id_is_refused(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """One valid ciphertext with an unknown keyID and with none."""
    valid = round_trip(proof, kms_client, "round trip")
    for what, key_id in (("an unknown", valid.key_id + "-that-never-was"), ("an empty", "")):
        request = dataclasses.replace(valid, key_id=key_id)
        refused(proof, f"Decrypt with {what} keyID", [partial(kms_client.decrypt, request)])


@scenario(
    Scenario(
        id="A10",
        title="Decrypt refuses altered ciphertext, and altered or dropped annotations where they are used",
        level=Level.SHOULD,
        source="NIST SP 800-38D 7.2: altered text is refused; kube-apiserver authenticates objects, not wrapped seeds",
        subject=Subject.PLUGIN,
        twin=Twin("Decrypt does not notice altered ciphertext", r"altered ciphertexts: saw \d+ refused, wanted"),
    )
)
def scenario_altered_ciphertext_is_refused(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """One bit flipped in up to 64 positions, a byte less, a byte more; each annotation altered, then dropped."""
    valid = round_trip(proof, kms_client, "round trip")
    altered = [dataclasses.replace(valid, ciphertext=data) for data in _alterations(valid.ciphertext)]
    count = sum(is_refused(partial(kms_client.decrypt, request)) for request in altered)
    proof.that("altered ciphertexts", observed=f"{count} refused", wanted=f"{len(altered)} refused")
    if not valid.annotations:
        return
    others = [dataclasses.replace(valid, annotations=them) for them in _other_annotations(valid.annotations)]
    count = sum(is_refused(partial(kms_client.decrypt, request)) for request in others)
    proof.that("altered or dropped annotations", observed=f"{count} refused", wanted=f"{len(others)} refused")


@scenario(
    Scenario(
        id="A11",
        title="Decrypt of an empty, tiny or oversized ciphertext is an error, and the plugin lives on",
        level=Level.SHOULD,
        source="aws-encryption-provider PR 169: an empty ciphertext ended the process",
        subject=Subject.PLUGIN,
        twin=Twin("ends when a ciphertext is short", r"Decrypt of (0|1) bytes?: saw UNAVAILABLE"),
    )
)
def scenario_malformed_ciphertext_is_an_error(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """0, 1, 12, 1025 and 65536 bytes; the same process serves the socket before and after."""
    valid = round_trip(proof, kms_client, "round trip")
    pid = serving_pid(kms_client.address)
    for size in (0, 1, 12, 1025, 65536):
        request = dataclasses.replace(valid, ciphertext=b"\0" * size)
        refused(proof, f"Decrypt of {size} bytes", [partial(kms_client.decrypt, request)])
    still_served(proof, kms_client, pid, "malformed ciphertexts")


@scenario(
    Scenario(
        id="A11b",
        title="200 malformed Decrypt requests of up to 4 MiB: each is answered, none is accepted, the plugin lives on",
        level=Level.SHOULD,
        source="aws-encryption-provider commit 8217401: malformed input ended the process",
        subject=Subject.PLUGIN,
        twin=Twin("ends when a request is larger than 64 KiB", r"large Decrypt.*: saw UNAVAILABLE"),
    )
)
def scenario_fuzzed_decrypt_is_survived(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Send requests from a fixed seed: mutated fields, bytes that are no message, up to 4 MiB and a byte."""
    valid = round_trip(proof, kms_client, "round trip")
    pid = serving_pid(kms_client.address)
    large = [b"\0" * size for size in (MIB, 4 * MIB - 512, 4 * MIB + 1)]
    refused(
        proof,
        "large Decrypt",
        [partial(kms_client.decrypt, dataclasses.replace(valid, ciphertext=data)) for data in large],
    )
    refused(proof, "fuzzed Decrypt", [partial(kms_client.decrypt, request) for request in _fuzzed(valid)])
    refused(proof, "Decrypt of bytes that are no message", [partial(_raw, kms_client, data) for data in _NO_MESSAGES])
    still_served(proof, kms_client, pid, "fuzzing")


def _alterations(data: bytes) -> Iterator[bytes]:
    step = max(1, len(data) // _SPREAD)
    for position in range(0, len(data), step):
        yield data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
    yield data[:-1]
    yield data + b"\0"


def _other_annotations(annotations: Mapping[str, bytes]) -> Iterator[Mapping[str, bytes]]:
    for name, value in annotations.items():
        yield {**annotations, name: bytes([value[0] ^ 1]) + value[1:] if value else b"\0"}
        yield {key: other for key, other in annotations.items() if key != name}


def _fuzzed(valid: EncryptReply) -> Iterator[EncryptReply]:
    source = random.Random("kms-e2e")  # noqa: S311 - the same requests in every run
    mutations: list[Callable[[EncryptReply], EncryptReply]] = [
        lambda one: dataclasses.replace(one, ciphertext=source.randbytes(source.randrange(2048))),
        lambda one: dataclasses.replace(one, ciphertext=_flipped(one.ciphertext, source)),
        lambda one: dataclasses.replace(one, ciphertext=one.ciphertext[: source.randrange(len(one.ciphertext))]),
        lambda one: dataclasses.replace(one, ciphertext=b"", annotations={"": source.randbytes(9000)}),
        lambda one: dataclasses.replace(one, ciphertext=seed(), key_id="\0" * source.randrange(1, 4096)),
    ]
    for number in range(FUZZED):
        yield mutations[number % len(mutations)](valid)


def _flipped(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([data[at] ^ source.randrange(1, 256)]) + data[at + 1 :]


def _raw(client: KmsClient, data: bytes) -> bytes:
    return client.start("Decrypt", data).result()
