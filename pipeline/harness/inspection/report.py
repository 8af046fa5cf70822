"""An inspection in words and as JSON: the inventory, what etcd said of itself, and the risks beyond live objects."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Final

from pipeline.harness.inspection.deletion import DeletionAnswer
from pipeline.harness.inspection.inventory import Inventory, take_inventory
from pipeline.harness.inspection.reader import EtcdReader, StoreFacts

SCHEMA_VERSION: Final = 1
# Live objects are all that kube-apiserver reads, and not all that etcd keeps.
_WAL_RISK: Final = (
    "write-ahead log: its segments keep values as they were written, plain ones too, until etcd deletes them "
    "(--max-wals, --snapshot-count)"
)
_FREE_PAGES_RISK: Final = "database file: freed pages keep old bytes until `etcdctl defrag`"
_BACKUP_RISK: Final = (
    "backups and snapshots are not seen here: each needs the keys of its own time; inspect them before a key is deleted"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in one store.

    `moved`: the store was compacted while it was read, so that counts may be of two moments, and what was written
    meanwhile to a key already passed is missing.
    """

    endpoint: str
    prefix: str
    facts: StoreFacts
    inventory: Inventory
    leftovers: dict[str, int]
    moved: bool
    note: str = ""

    def summary(self) -> str:
        """Return one line of totals."""
        plain = sum(self.leftovers.values())
        keys = len(self.inventory.key_ids)
        return (
            f"{self.inventory.objects} objects at revision {self.facts.revision} (etcd {self.facts.version}), "
            f"{keys} keyIDs, {plain} plaintext leftovers, {self.inventory.damaged} damaged, "
            f"{self.inventory.outside.keys} keys outside {self.prefix}"
        )

    def risks(self) -> list[str]:
        """Return what live objects do not show: old revisions, the WAL, freed pages, backups."""
        moved = "the store was compacted while it was read: counts may be of two moments" if self.moved else ""
        every = (self._history(), _WAL_RISK, _FREE_PAGES_RISK, _BACKUP_RISK, self._elsewhere(), moved, self.note)
        return [risk for risk in every if risk]

    def may_delete(self, key_id: str) -> DeletionAnswer:
        """Answer whether a KMS key is needed by no live object; of a store that moved nobody can tell."""
        return replace(self.inventory.may_delete(key_id), moved=self.moved)

    def verdict(self, key_id: str) -> str:
        """Return the answer to "may this key be deleted?" in one line."""
        answer, used = self.may_delete(key_id), {*self.inventory.key_ids, *self.inventory.outside.key_ids}
        if answer.allowed:
            return (
                f"yes: no live object names keyID {key_id!r}; the risks above stay. "
                f"KeyIDs in use: {', '.join(sorted(used)) or 'none'}"
            )
        if answer.moved and not (answer.blocking or answer.unknown):
            return "no: the store was compacted while it was read, so that objects may have been missed; inspect again"
        elsewhere = f" ({answer.outside} of them outside {self.prefix})" if answer.outside else ""
        return (
            f"no: {answer.blocking} live objects name keyID {key_id!r}{elsewhere}, "
            f"and {answer.unknown} (damaged or KMS v1) do not say which key they need"
        )

    def document(self, may_delete_key: str | None = None) -> dict[str, object]:
        """Return the inspection for JSON, with the answer when a keyID was asked for."""
        answer = None if may_delete_key is None else self.may_delete(may_delete_key)
        asked = {} if answer is None else {"may_delete": {**asdict(answer), "allowed": answer.allowed}}
        return {
            "schema_version": SCHEMA_VERSION,
            "prefix": self.prefix,
            "etcd": {**asdict(self.facts), "old_revisions": self.facts.old_revisions},
            "objects": self.inventory.objects,
            "holdings": [
                {**asdict(holding), "objects": count} for holding, count in sorted(self.inventory.holdings.items())
            ],
            "key_ids": self.inventory.key_ids,
            "leftovers": self.leftovers,
            "damaged": self.inventory.damaged,
            "damaged_examples": [asdict(item) for item in self.inventory.damaged_examples],
            "rewritten": self.inventory.rewritten,
            "outside": self.inventory.outside.keys,
            "outside_key_ids": dict(self.inventory.outside.key_ids),
            "outside_unknown": self.inventory.outside.unknown,
            "risks": self.risks(),
            **asked,
        }

    def _elsewhere(self) -> str:
        outside = self.inventory.outside
        named = ", ".join(f"{key_id} ({count})" for key_id, count in outside.key_ids.items())
        words = (f"keyIDs {named}" if named else "", f"{outside.unknown} that do not say" if outside.unknown else "")
        found = ", ".join(word for word in words if word)
        return f"encrypted values outside {self.prefix}, of another cluster or an earlier prefix: {found}" * bool(found)

    def _history(self) -> str:
        old, rewritten = self.facts.old_revisions, self.inventory.rewritten
        seen = "etcd does not tell how many" if old is None else f"{old} since the last compaction"
        return f"old revisions keep what was written then, deleted objects too ({seen}; {rewritten} objects rewritten)"


def inspect_store(reader: EtcdReader, prefix: str, resources: tuple[str, ...]) -> Inspection:
    """Take the inventory of a store; plain objects of `resources` count as leftovers even when none is encrypted.

    Raises: InputError when the store cannot be read.
    """
    facts = reader.facts()
    inventory = take_inventory(reader.values(), prefix)
    return Inspection(
        endpoint=reader.endpoint,
        prefix=prefix,
        facts=facts,
        inventory=inventory,
        leftovers=inventory.leftovers(resources),
        moved=reader.moved,
        note=reader.note,
    )
