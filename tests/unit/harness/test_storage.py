from __future__ import annotations

import dataclasses
import hashlib
import hmac
import os
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.harness.kms import EncryptReply
from pipeline.harness.storage import (
    INFO_BYTES,
    DekSourceType,
    EncryptedObject,
    StorageError,
    decode,
    encode,
    open_value,
    read_value,
    seal,
    stored_form,
)

KINDS = st.sampled_from(DekSourceType)
SEED = bytes(range(32))
KEY = b"/registry/secrets/default/one"


@dataclass(frozen=True)
class OneKeyPlugin:
    """Unwraps by XOR, which is all a test of the format needs."""

    def decrypt(self, encrypted: EncryptReply) -> bytes:
        return bytes(byte ^ 0x5A for byte in encrypted.ciphertext)

    def wrap(self, seed: bytes) -> bytes:
        return bytes(byte ^ 0x5A for byte in seed)


def stored(
    plaintext: bytes = b"k8s\0object",
    etcd_key: bytes = KEY,
    kind: DekSourceType = DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED,
) -> EncryptedObject:
    return EncryptedObject(
        provider="kms-one",
        encrypted_data=seal(plaintext, etcd_key, SEED, kind),
        key_id="key-1",
        encrypted_dek_source=OneKeyPlugin().wrap(SEED),
        annotations={"version.example.com": b"1"},
        dek_source_type=kind,
    )


@given(st.binary(), st.binary(min_size=1, max_size=200), st.binary(min_size=32, max_size=32), KINDS)
@settings(max_examples=60)
def test_what_is_sealed_opens_again(plaintext: bytes, etcd_key: bytes, seed: bytes, kind: DekSourceType) -> None:
    sealed = dataclasses.replace(stored(kind=kind), encrypted_data=seal(plaintext, etcd_key, seed, kind))
    assert open_value(decode(encode(sealed)), seed, etcd_key) == plaintext


@given(st.text(min_size=1, max_size=200), st.binary(min_size=1, max_size=1024), KINDS)
@settings(max_examples=60)
def test_decoding_inverts_encoding(key_id: str, source: bytes, kind: DekSourceType) -> None:
    one = dataclasses.replace(stored(kind=kind), key_id=key_id, encrypted_dek_source=source)
    assert decode(encode(one)) == one


@pytest.mark.parametrize("kind", DekSourceType)
def test_values_swapped_between_two_keys_do_not_open(kind: DekSourceType) -> None:
    other = b"/registry/secrets/default/two"
    first, second = encode(stored(b"one", KEY, kind)), encode(stored(b"two", other, kind))
    plugin = OneKeyPlugin()
    assert (read_value(first, KEY, plugin), read_value(second, other, plugin)) == (b"one", b"two")
    for value, key in ((first, other), (second, KEY)):
        with pytest.raises(StorageError, match="authentication failed"):
            read_value(value, key, plugin)


@given(st.data(), KINDS)
@settings(max_examples=60)
def test_one_flipped_bit_does_not_open(data: st.DataObject, kind: DekSourceType) -> None:
    one = stored(kind=kind)
    position = data.draw(st.integers(0, len(one.encrypted_data) * 8 - 1))
    altered = bytearray(one.encrypted_data)
    altered[position // 8] ^= 1 << position % 8
    with pytest.raises(StorageError, match="authentication failed"):
        open_value(dataclasses.replace(one, encrypted_data=bytes(altered)), SEED, KEY)


def test_another_seed_does_not_open() -> None:
    with pytest.raises(StorageError, match="authentication failed"):
        open_value(stored(), os.urandom(32), KEY)


def test_the_derived_key_equals_an_independent_hkdf() -> None:
    """HKDF-Expand written out with hmac (RFC 5869, section 2.3: T(1) = HMAC(PRK, info | 0x01))."""
    data = seal(b"plain", KEY, SEED)
    info, nonce, rest = data[:INFO_BYTES], data[INFO_BYTES : INFO_BYTES + 12], data[INFO_BYTES + 12 :]
    derived = hmac.new(SEED, info + b"\x01", hashlib.sha256).digest()
    assert AESGCM(derived).decrypt(nonce, rest, KEY) == b"plain"


def test_encoded_bytes_have_the_field_numbers_of_the_api() -> None:
    """Spelled out by hand from the .proto of kube-apiserver, so that a changed number shows."""
    one = EncryptedObject("p", b"D", "K", b"S", {"a.b": b"v"}, DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED)
    fields = b"\x0a\x01D\x12\x01K\x1a\x01S\x22\x08\x0a\x03a.b\x12\x01v\x28\x01"
    assert encode(one) == b"k8s:enc:kms:v2:p:" + fields


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"k8s\0plain", "not written by a KMS v2 provider"),
        (b"k8s:enc:aescbc:v1:key1:xx", "not written by a KMS v2 provider"),
        (b"k8s:enc:kms:v1:old:xx", "not written by a KMS v2 provider"),
        (b"k8s:enc:kms:v2", "cut off"),
        (b"k8s:enc:kms:v2:p:\xff\xff\xff", "no EncryptedObject"),
        (b"k8s:enc:kms:v2:p:", "the encrypted data is empty"),
        (b"k8s:enc:kms:v2:p:\x0a\x01D\x12\x01K\x1a\x01S\x28\x07", "no EncryptedObject"),
    ],
)
def test_other_values_are_refused_by_name(value: bytes, message: str) -> None:
    with pytest.raises(StorageError) as caught:
        decode(value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key_id": ""}, "keyID is empty"),
        ({"key_id": "k" * 1025}, "1025 bytes, more than 1024"),
        ({"encrypted_dek_source": b""}, "ciphertext is empty"),
        ({"encrypted_dek_source": b"c" * 1025}, "1025 bytes, more than 1024"),
        ({"annotations": {"nodot": b""}}, "not a fully qualified domain name"),
        ({"annotations": {"a.b": b"v" * 32 * 1024}}, "more than 32768"),
    ],
)
def test_limits_of_the_format_are_checked(change: dict[str, object], problem: str) -> None:
    with pytest.raises(StorageError) as caught:
        encode(dataclasses.replace(stored(), **change))  # type: ignore[arg-type]
    assert problem in str(caught.value)


@pytest.mark.parametrize("kind", DekSourceType)
def test_data_too_short_is_named_with_sizes(kind: DekSourceType) -> None:
    short = dataclasses.replace(stored(kind=kind), encrypted_data=b"x" * 20)
    with pytest.raises(StorageError, match="too short"):
        open_value(short, SEED, KEY)


@pytest.mark.parametrize(("kind", "size"), [(DekSourceType.AES_GCM_KEY, 31), (list(DekSourceType)[1], 31)])
def test_a_dek_source_of_another_size_is_refused(kind: DekSourceType, size: int) -> None:
    with pytest.raises(StorageError):
        open_value(stored(kind=kind), b"s" * size, KEY)


def test_stored_form_tells_transformers_apart() -> None:
    assert stored_form(b"k8s\0x").transformer == "identity"
    form = stored_form(b"k8s:enc:aesgcm:v1:key2:a:b")
    assert (form.transformer, form.provider, form.payload) == ("aesgcm:v1", "key2", b"a:b")
