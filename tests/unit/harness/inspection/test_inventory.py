"""The inventory: what stands in the way of deleting a key, what is a leftover, what is damaged."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.inspection.deletion import checked_key_id
from pipeline.harness.inspection.inventory import Holding, resource_of, take_inventory
from pipeline.harness.inspection.reader import EtcdReader, StoreFacts, TlsFiles
from pipeline.harness.inspection.report import Inspection
from pipeline.harness.kms.contract import key_id_hash
from pipeline.harness.storage import EncryptedObject, encode

PLAIN = b"k8s\0\n\x0cplain object"


def sealed(key_id: str, provider: str = "vault") -> bytes:
    return encode(EncryptedObject(provider, b"d" * 60, key_id, b"wrapped"))


def store(*values: tuple[str, bytes]) -> list[EtcdValue]:
    return [EtcdValue(f"/registry/{key}", value, 1) for key, value in values]


def test_counts_per_resource_provider_and_key_id() -> None:
    found = take_inventory(
        store(
            ("secrets/a/1", sealed("old")),
            ("secrets/a/2", sealed("new")),
            ("secrets/a/3", sealed("new")),
            ("configmaps/a/1", sealed("new", "other")),
        )
    )
    assert found.holdings == {
        Holding("secrets", "kms:v2", "vault", "old"): 1,
        Holding("secrets", "kms:v2", "vault", "new"): 2,
        Holding("configmaps", "kms:v2", "other", "new"): 1,
    }
    assert found.key_ids == {"new": 3, "old": 1}
    assert found.objects == 4


def test_a_plain_object_is_a_leftover_beside_encrypted_ones_and_of_wanted_resources() -> None:
    found = take_inventory(
        store(("configmaps/a/1", PLAIN), ("pods/a/1", PLAIN), ("pods/a/2", sealed("k")), ("secrets/a/1", PLAIN))
    )
    assert found.leftovers(["secrets"]) == {"pods": 1, "secrets": 1}
    assert found.leftovers([]) == {"pods": 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (sealed("k")[:40], "is no EncryptedObject"),
        (b"k8s:enc:kms:v2", "cut off"),
        (b"j8s:enc:kms:v2:vault:", "neither an encrypted value nor a Kubernetes object"),
        (b"", "neither an encrypted value nor a Kubernetes object"),
        (b"k8s:enc:kms:v2:vault:", "breaks a limit"),
    ],
)
def test_a_damaged_value_is_named_and_forbids_to_delete_any_key(value: bytes, reason: str) -> None:
    found = take_inventory(store(("secrets/a/1", value), ("secrets/a/2", sealed("k"))))
    assert found.damaged == 1
    assert found.damaged_examples[0].key == "/registry/secrets/a/1"
    assert reason in found.damaged_examples[0].reason
    assert not found.may_delete("another").allowed


def test_examples_of_damage_are_bounded_and_the_count_is_not() -> None:
    found = take_inventory(store(*((f"secrets/a/{number}", b"?") for number in range(100))))
    assert (found.damaged, len(found.damaged_examples)) == (100, 20)


def test_a_key_may_go_when_no_live_object_names_it() -> None:
    found = take_inventory(store(("secrets/a/1", sealed("new")), ("secrets/a/2", PLAIN)))
    assert found.may_delete("old").allowed
    answer = found.may_delete("new")
    assert (answer.allowed, answer.blocking, answer.unknown) == (False, 1, 0)


def test_kms_v1_values_name_no_key_so_none_may_go() -> None:
    found = take_inventory(store(("secrets/a/1", b"k8s:enc:kms:v1:vault:xx")))
    assert found.may_delete("old").unknown == 1
    assert not found.may_delete("old").allowed


def test_a_local_provider_is_no_reason_to_keep_a_kms_key() -> None:
    found = take_inventory(store(("secrets/a/1", b"k8s:enc:aescbc:v1:key1:xx")))
    assert found.holdings == {Holding("secrets", "aescbc:v1", "key1"): 1}
    assert found.may_delete("old").allowed


def test_a_transformer_that_is_not_known_names_no_key_so_none_may_go() -> None:
    found = take_inventory(store(("secrets/a/1", b"k8s:enc:kms:v3:vault:xx")))
    assert (found.may_delete("old").unknown, found.may_delete("old").allowed) == (1, False)


def test_a_key_is_known_by_the_hash_that_kube_apiserver_shows_too() -> None:
    found = take_inventory(store(("secrets/a/1", sealed("key-1"))))
    for asked in (key_id_hash("key-1"), key_id_hash("key-1").upper(), key_id_hash("key-1").removeprefix("sha256:")):
        assert (found.may_delete(asked).allowed, found.may_delete(asked).blocking) == (False, 1)
    assert found.may_delete(key_id_hash("key-2")).allowed


@pytest.mark.parametrize(
    ("value", "blocking", "outside", "unknown"),
    [
        (sealed("key-9"), 1, 1, 0),
        (sealed("key-9")[:40], 0, 0, 1),
        (b"k8s:enc:kms:v1:vault:xx", 0, 0, 1),
        (b"k8s:enc:aescbc:v1:key1:xx", 0, 0, 0),
        (b"what another program keeps", 0, 0, 0),
    ],
)
def test_what_lies_outside_the_prefix_counts_for_the_key(
    value: bytes, blocking: int, outside: int, unknown: int
) -> None:
    found = take_inventory([*store(("secrets/a/1", sealed("key-1"))), EtcdValue("/other/secrets/a/b", value, 2)])
    answer = found.may_delete("key-9")
    assert (answer.blocking, answer.outside, answer.unknown) == (blocking, outside, unknown)
    assert answer.allowed is not bool(blocking or unknown)
    assert (found.objects, found.damaged, found.outside.keys, found.key_ids) == (1, 0, 1, {"key-1": 1})


def test_of_a_store_that_was_compacted_meanwhile_nobody_can_tell() -> None:
    whole = take_inventory(store(("secrets/a/1", sealed("key-1"))))
    found = Inspection("unix:///x", "/registry/", StoreFacts("3.7.0", 9, 1), whole, {}, moved=True)
    assert not found.may_delete("key-9").allowed
    assert found.verdict("key-9").startswith("no: the store was compacted while it was read")
    assert found.document("key-9")["may_delete"] == {
        "key_id": "key-9",
        "blocking": 0,
        "unknown": 0,
        "outside": 0,
        "moved": True,
        "allowed": False,
    }


@pytest.mark.parametrize(
    "text",
    ["", " ", "key-1 ", "\tkey-1", "key-1\n", '"key-1"', "'key-1'", "sha256:", "sha256:ab12", "k" * 1025, "a\u200bb"],
)
def test_what_no_object_can_name_is_not_asked_for(text: str) -> None:
    with pytest.raises(InputError, match="no keyID to ask for"):
        checked_key_id(text)


@pytest.mark.parametrize("text", ["key-1", "a key", "arn:aws:kms:eu:1:key/ab", "sha256:" + "Ab" * 32, "k" * 1024])
def test_a_key_id_is_asked_for_as_it_is(text: str) -> None:
    assert checked_key_id(text) == text


def test_an_inventory_keeps_counts_alone() -> None:
    def peak(objects: int) -> int:
        tracemalloc.start()
        value = sealed("key-1")
        take_inventory(EtcdValue(f"/registry/secrets/a/{number}", value, 1) for number in range(objects))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    assert peak(5_000) < peak(500) + 20_000


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("/registry/secrets/a/b", "secrets"),
        ("/registry/minions/n", "nodes"),
        ("/registry/services/specs/a/b", "services"),
        ("/registry/services/endpoints/a/b", "endpoints"),
        ("/registry/apiregistration.k8s.io/apiservices/v1.apps", "apiservices.apiregistration.k8s.io"),
        ("/registry/example.com/widgets/a/b", "widgets.example.com"),
    ],
)
def test_the_resource_of_a_key(key: str, resource: str) -> None:
    assert resource_of(key) == resource


@pytest.mark.parametrize("endpoint", ["tcp://a:1", "unix://", "http://", "ftp://x"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(InputError, match="not an endpoint"):
        EtcdReader(endpoint)


def test_certificates_for_an_endpoint_without_tls_are_refused() -> None:
    with pytest.raises(InputError, match="without TLS"):
        EtcdReader("http://127.0.0.1:1", TlsFiles(authority=Path("ca.crt")))


def test_a_certificate_file_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"no-such-ca\.crt"):
        EtcdReader("https://127.0.0.1:1", TlsFiles(authority=Path("no-such-ca.crt")))
