from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.harness.kms import kms_v2_pb2
from pipeline.harness.kms.contract import annotations_problem, ciphertext_problem
from pipeline.harness.proxy import (
    Damage,
    DropConnections,
    EditDecrypt,
    EditEncrypt,
    EditStatus,
    Error,
    Fault,
    HalfOpen,
    RateLimit,
    RawReply,
    Refuse,
    RenameKey,
    WireGarbage,
    oversize_annotations,
)
from pipeline.harness.proxy.edits import damaged
from pipeline.harness.proxy.faults import Call, Memory, Refusal

PLAINTEXT = b"p" * 32
STATUS = kms_v2_pb2.StatusResponse(version="v2", healthz="ok", key_id="k1")
ENCRYPTED = kms_v2_pb2.EncryptResponse(ciphertext=b"c" * 60, key_id="k1", annotations={"a.b": b"1"})


def call(method: str, request: bytes = b"") -> Call:
    return Call(method, request, lambda: None)


def before(fault: Fault, one: Call, memory: Memory) -> bytes | None:
    """Drive the coroutine by hand: these faults wait for nothing, so no event loop (and no socket) is needed."""
    work = fault.before(one, memory)
    with pytest.raises(StopIteration) as ended:
        work.send(None)
    value: bytes | None = ended.value.value
    return value


def edited_status(fault: Fault, memory: Memory | None = None) -> kms_v2_pb2.StatusResponse:
    data = fault.edit(call("Status"), STATUS.SerializeToString(), memory or Memory())
    return kms_v2_pb2.StatusResponse.FromString(data)


def edited_encrypt(fault: Fault, memory: Memory | None = None) -> kms_v2_pb2.EncryptResponse:
    request = kms_v2_pb2.EncryptRequest(plaintext=PLAINTEXT).SerializeToString()
    data = fault.edit(call("Encrypt", request), ENCRYPTED.SerializeToString(), memory or Memory())
    return kms_v2_pb2.EncryptResponse.FromString(data)


def hits(fault: Fault, methods: list[str]) -> list[bool]:
    memory = Memory()
    return [fault.takes(method, memory) for method in methods]


def test_a_fault_hits_every_method_by_default() -> None:
    assert hits(Error(), ["Status", "Encrypt", "Decrypt", "Version"]) == [True] * 4


def test_methods_not_named_are_neither_hit_nor_counted() -> None:
    fault = Error(methods=("Encrypt",), every_nth=2)
    assert hits(fault, ["Status", "Encrypt", "Decrypt", "Encrypt"]) == [False, False, False, True]


@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 40))
def test_every_nth_and_first_n(every_nth: int, first_n: int, calls: int) -> None:
    seen = hits(Error(every_nth=every_nth, first_n=first_n), ["Status"] * calls)
    every = [index for index in range(calls) if (index + 1) % every_nth == 0]
    assert [index for index, hit in enumerate(seen) if hit] == (every[:first_n] if first_n else every)


def test_an_edit_of_one_method_counts_no_other() -> None:
    assert hits(EditStatus(healthz="bad", first_n=1), ["Encrypt", "Status", "Status"]) == [False, True, False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Error("UNAVAILBLE"), "did you mean UNAVAILABLE?"),
        (lambda: Error(methods=("status",)), "did you mean Status?"),
        (lambda: EditStatus(methods=("Encrypt",)), "unknown KMS method for this fault"),
        (lambda: Error(every_nth=0), "every_nth=0"),
        (lambda: Error(first_n=-1), "first_n=-1"),
    ],
)
def test_a_fault_that_could_never_hit_is_refused(make: object, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()  # type: ignore[operator]
    assert words in str(caught.value)


def test_an_error_ends_the_call_with_its_status() -> None:
    with pytest.raises(Refusal) as caught:
        Error("PERMISSION_DENIED", "no").before(call("Status"), Memory()).send(None)
    assert (caught.value.code, caught.value.details) == ("PERMISSION_DENIED", "no")


def test_a_raw_reply_needs_no_plugin() -> None:
    assert before(RawReply(b"\xff"), call("Status"), Memory()) == b"\xff"


def test_dropping_connections_is_asked_of_the_proxy() -> None:
    dropped: list[bool] = []
    one = Call("Status", b"", lambda: dropped.append(True))
    with pytest.raises(Refusal):
        DropConnections().before(one, Memory()).send(None)
    assert dropped == [True]


def test_the_rate_limit_refills_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pipeline.harness.proxy.faults.time.monotonic", lambda: now)
    fault, memory = RateLimit(per_s=2, burst=2), Memory()

    def passes() -> bool:
        try:
            return before(fault, call("Encrypt"), memory) is None
        except Refusal as refusal:
            return refusal.code != "RESOURCE_EXHAUSTED"

    assert [passes() for _ in range(3)] == [True, True, False]
    now += 0.5
    assert [passes() for _ in range(2)] == [True, False]
    now += 60
    assert [passes() for _ in range(3)] == [True, True, False]


def test_status_fields_are_replaced_one_by_one() -> None:
    assert edited_status(EditStatus(healthz="bad")) == kms_v2_pb2.StatusResponse(
        version="v2", healthz="bad", key_id="k1"
    )
    assert edited_status(EditStatus(key_id="")).key_id == ""
    assert edited_status(EditStatus(version="v3")).version == "v3"


def test_the_ciphertext_can_be_damaged_in_every_way() -> None:
    seen = {damage: edited_encrypt(EditEncrypt(ciphertext=damage)).ciphertext for damage in Damage}
    assert seen[Damage.EMPTY] == b""
    assert seen[Damage.TRUNCATED] == b"c" * 30
    assert seen[Damage.PLAINTEXT] == PLAINTEXT
    assert "1025" in ciphertext_problem(seen[Damage.OVERSIZE])
    differing = [a != b for a, b in zip(seen[Damage.FLIPPED], ENCRYPTED.ciphertext, strict=True)]
    assert differing.count(True) == 1


@given(st.binary(max_size=2000), st.sampled_from([Damage.EMPTY, Damage.FLIPPED, Damage.OVERSIZE]))
def test_damage_always_changes_something(data: bytes, damage: Damage) -> None:
    if damage is Damage.EMPTY and not data:
        return
    if damage is Damage.OVERSIZE and len(data) >= 1025:
        return
    assert damaged(data, damage, b"") != data


def test_annotations_are_dropped_replaced_and_oversize() -> None:
    assert not edited_encrypt(EditEncrypt(annotations={})).annotations
    assert dict(edited_encrypt(EditEncrypt(annotations={"x.y": b"2"})).annotations) == {"x.y": b"2"}
    assert "32769 bytes" in annotations_problem(oversize_annotations())


def test_the_key_id_of_encrypt_alone() -> None:
    assert edited_encrypt(EditEncrypt(key_id="other")).key_id == "other"


def test_the_plaintext_of_decrypt_is_damaged() -> None:
    reply = kms_v2_pb2.DecryptResponse(plaintext=PLAINTEXT).SerializeToString()
    edited = kms_v2_pb2.DecryptResponse.FromString(EditDecrypt().edit(call("Decrypt"), reply, Memory()))
    assert edited.plaintext != PLAINTEXT
    assert len(edited.plaintext) == len(PLAINTEXT)


def test_a_renamed_key_is_the_same_in_status_and_encrypt() -> None:
    fault, memory = RenameKey("-b"), Memory(hits=1)
    assert edited_status(fault, memory).key_id == edited_encrypt(fault, memory).key_id == "k1-b"


def test_a_churning_key_changes_with_each_status_and_encrypt_follows() -> None:
    fault, memory = RenameKey("-", churn=True), Memory()
    names = []
    for _ in range(3):
        assert fault.takes("Status", memory)
        names.append(edited_status(fault, memory).key_id)
    assert len(set(names)) == 3
    assert edited_encrypt(fault, memory).key_id == names[-1]


@pytest.mark.parametrize("fault", [Refuse, HalfOpen, WireGarbage])
def test_a_fault_of_connections_chooses_no_calls(fault: type[Fault]) -> None:
    assert fault().name == fault.__name__
    for choice in ({"methods": ("Status",)}, {"every_nth": 2}, {"first_n": 1}):
        with pytest.raises(InputError, match="hits no single calls"):
            fault(**choice)
