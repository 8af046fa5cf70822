"""The inventory of a store: objects per resource, provider and keyID, plaintext leftovers, damaged values.

It is made in one pass and keeps counts alone, so that its size depends on the number of keys, not of objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.harness.etcd import EtcdValue
from pipeline.harness.storage import IDENTITY, StorageError, decode, stored_form

DEFAULT_PREFIX: Final = "/registry/"
# How plain values begin: protobuf of Kubernetes, and JSON, which custom resources and APIServices are stored as.
# Source: k8s.io/apimachinery pkg/runtime/serializer/protobuf/protobuf.go, protoEncodingPrefix.
_PLAIN_BEGINNINGS: Final = (b"k8s\0", b"{")
_EXAMPLES: Final = 20
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
class DeletionAnswer:
    """May a key be deleted? `blocking` objects name it; of `unknown` ones nobody can tell from the bytes."""

    key_id: str
    blocking: int
    unknown: int

    @property
    def allowed(self) -> bool:
        """Tell whether no live object can need the key."""
        return not self.blocking and not self.unknown


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts of one store.

    `rewritten` objects were written more than once; `damaged_examples` are the first twenty damaged ones.
    """

    holdings: Mapping[Holding, int]
    damaged: int
    damaged_examples: tuple[Damaged, ...]
    rewritten: int

    @property
    def objects(self) -> int:
        """Return the number of values looked at."""
        return sum(self.holdings.values()) + self.damaged

    @property
    def key_ids(self) -> dict[str, int]:
        """Return the number of objects of each keyID."""
        counts: Counter[str] = Counter()
        for holding, count in self.holdings.items():
            if holding.key_id:
                counts[holding.key_id] += count
        return dict(sorted(counts.items()))

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
        """Answer whether a KMS key is needed by no live object.

        KMS v1 values do not name their key, and a damaged one may have named any: both stand in the way.
        """
        v1 = sum(count for holding, count in self.holdings.items() if holding.transformer == "kms:v1")
        return DeletionAnswer(key_id, self.key_ids.get(key_id, 0), v1 + self.damaged)


def take_inventory(values: Iterable[EtcdValue], prefix: str = DEFAULT_PREFIX) -> Inventory:
    """Count values as they come; none is kept."""
    holdings: Counter[Holding] = Counter()
    examples: list[Damaged] = []
    damaged = rewritten = 0
    for value in values:
        rewritten += value.version > 1
        try:
            holdings[_holding(value, prefix)] += 1
        except StorageError as error:
            damaged += 1
            if len(examples) < _EXAMPLES:
                examples.append(Damaged(value.key, f"{error.what}: {error.seen}" if error.seen else error.what))
    return Inventory(dict(holdings), damaged, tuple(examples), rewritten)


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
