"""The inventory of a store: objects per resource, provider and keyID, plaintext leftovers, damaged values.

It is made in one pass and keeps counts alone, so that its size depends on the number of keys, not of objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.harness.etcd import EtcdValue
from pipeline.harness.inspection.deletion import DeletionAnswer, is_named
from pipeline.harness.storage import ENCRYPTED_PREFIX, IDENTITY, StorageError, decode, stored_form

DEFAULT_PREFIX: Final = "/registry/"
# How plain values begin: protobuf of Kubernetes, and JSON, which custom resources and APIServices are stored as.
# Source: k8s.io/apimachinery pkg/runtime/serializer/protobuf/protobuf.go, protoEncodingPrefix.
_PLAIN_BEGINNINGS: Final = (b"k8s\0", b"{")
_EXAMPLES: Final = 20
# Who wrote these needs no KMS; of all others but KMS v2, of later ones too, nobody can tell the key from the bytes.
# Source: kubernetes/apiserver pkg/server/options/encryptionconfig/config.go
_WITHOUT_KMS: Final = frozenset({IDENTITY, "aescbc:v1", "aesgcm:v1", "secretbox:v1"})
# Where a key's first segment is not the resource.
# Source: k8s.io/kubernetes pkg/kubeapiserver/default_storage_factory_builder.go
_NAMES: Final[Mapping[str, str]] = {
    "minions": "nodes",
    "controllers": "replicationcontrollers",
    "services/specs": "services",
    "services/endpoints": "endpoints",
    "ingress": "ingresses",
}


@dataclass(frozen=True, slots=True, order=True)
class Holding:
    """How objects of a resource are stored.

    `transformer` is `kms:v2`, `kms:v1`, `aescbc:v1`…, or `identity` for plaintext; `provider` is the name in the
    value's prefix (for local providers that of the key). `key_id` is known of KMS v2 alone.
    """

    resource: str
    transformer: str
    provider: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A value that does not decode, and why; `key` is its key in etcd."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outside:
    """The `keys` outside the prefix: the keyIDs that encrypted values among them name, and how many do not say."""

    keys: int = 0
    key_ids: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts of one store.

    `rewritten` objects were written more than once; `damaged_examples` are the first twenty damaged ones.
    """

    holdings: Mapping[Holding, int]
    damaged: int
    damaged_examples: tuple[Damaged, ...]
    rewritten: int
    outside: Outside = field(default_factory=Outside)

    @property
    def objects(self) -> int:
        """Return the number of values below the prefix."""
        return sum(self.holdings.values()) + self.damaged

    @property
    def key_ids(self) -> dict[str, int]:
        """Return the number of objects of each keyID."""
        return _by_key_id(self.holdings)

    def leftovers(self, wanted: Iterable[str]) -> dict[str, int]:
        """Return the plain objects of each resource that should have none.

        These are the `wanted` resources and each one with an encrypted object: its migration is not complete.
        """
        encrypted = {holding.resource for holding in self.holdings if holding.transformer != IDENTITY}
        return {
            holding.resource: count
            for holding, count in sorted(self.holdings.items())
            if holding.transformer == IDENTITY and holding.resource in encrypted | set(wanted)
        }

    def may_delete(self, key_id: str) -> DeletionAnswer:
        """Answer whether a KMS key, named by its keyID or that one's hash, is needed by no live object.

        KMS v1 values do not name their key, and a damaged one may have named any: both stand in the way. So does what
        lies outside the prefix: another cluster, or one whose --etcd-prefix was changed.
        """

        def naming(counts: Mapping[str, int]) -> int:
            return sum(count for used, count in counts.items() if is_named(key_id, used))

        outside = naming(self.outside.key_ids)
        unknown = _nameless(self.holdings) + self.damaged + self.outside.unknown
        return DeletionAnswer(key_id, naming(self.key_ids) + outside, unknown, outside)


def take_inventory(values: Iterable[EtcdValue], prefix: str = DEFAULT_PREFIX) -> Inventory:
    """Count values as they come; none is kept. Of those outside the prefix only encrypted ones are looked at."""
    inside, outside = _Tally(), _Tally()
    examples: list[Damaged] = []
    foreign = 0
    for value in values:
        within = value.key.startswith(prefix)
        foreign += not within
        if within or value.value.startswith(ENCRYPTED_PREFIX):
            damage = (inside if within else outside).add(value, prefix)
            if damage and len(examples) < _EXAMPLES:
                examples.append(damage)
    unknown = _nameless(outside.holdings) + outside.damaged
    others = Outside(foreign, _by_key_id(outside.holdings), unknown)
    return Inventory(dict(inside.holdings), inside.damaged, tuple(examples), inside.rewritten, others)


@dataclass(slots=True)
class _Tally:
    """Counts that grow while values come by."""

    holdings: Counter[Holding] = field(default_factory=Counter)
    damaged: int = 0
    rewritten: int = 0

    def add(self, value: EtcdValue, prefix: str) -> Damaged | None:
        """Count a value, and return it when it is damaged."""
        self.rewritten += value.version > 1
        try:
            self.holdings[_holding(value, prefix)] += 1
        except StorageError as error:
            self.damaged += 1
            return Damaged(value.key, f"{error.what}: {error.seen}" if error.seen else error.what)
        return None


def _by_key_id(holdings: Mapping[Holding, int]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for holding, count in holdings.items():
        if holding.key_id:
            counts[holding.key_id] += count
    return dict(sorted(counts.items()))


def _nameless(holdings: Mapping[Holding, int]) -> int:
    """Return how many objects were written by a KMS that does not name its key, such as version 1."""
    return sum(count for one, count in holdings.items() if not one.key_id and one.transformer not in _WITHOUT_KMS)


def resource_of(key: str, prefix: str = DEFAULT_PREFIX) -> str:
    """Return the resource that a key belongs to, `<plural>.<group>` where the key names the group.

    Source: kube-apiserver stores built-in resources below `<prefix><resource>/` and custom resources, APIServices
    and CustomResourceDefinitions below `<prefix><group>/<resource>/`.
    """
    first, _, rest = key.removeprefix(prefix).partition("/")
    second = rest.partition("/")[0]
    if "." in first:
        return f"{second}.{first}"
    return _NAMES.get(f"{first}/{second}") or _NAMES.get(first, first)


def _holding(value: EtcdValue, prefix: str) -> Holding:
    resource = resource_of(value.key, prefix)
    form = stored_form(value.value)
    if form.transformer == "kms:v2":
        stored = decode(value.value)
        return Holding(resource, form.transformer, stored.provider, stored.key_id)
    if form.transformer == IDENTITY and not value.value.startswith(_PLAIN_BEGINNINGS):
        raise StorageError("neither an encrypted value nor a Kubernetes object", seen=f"{len(value.value)} bytes")
    return Holding(resource, form.transformer, form.provider)
