"""Every value that kube-apiserver ever wrote, decoded and opened, and counted by resource.

etcd is watched from its first revision on; with compaction switched off (`--etcd-compaction-interval=0`) nothing is
missed. A value counts as encrypted when it was written by the plugin's provider, decodes, and opens under its own key
with the DEK source that the plugin unwraps. On a store that is plain on purpose one counts that has no prefix.
"""

from __future__ import annotations

import copy
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from pipeline.errors import KmsE2EError
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.etcd_watch import watch_changes
from pipeline.harness.inspection.inventory import resource_of
from pipeline.harness.storage import (
    IDENTITY,
    Decrypter,
    EncryptedObject,
    StorageError,
    decode,
    open_value,
    stored_form,
)
from pipeline.harness.waiting import wait_until

# What kube-apiserver writes past the encryption's transformers. Sources: pkg/controlplane/reconcilers/lease.go
# (masterleases), peer_endpoint_lease.go (peerserverleases), pkg/registry/core/service/{ipallocator,portallocator} by
# pkg/registry/core/rest (ranges), apiserver pkg/storage/etcd3/compact.go (compact_rev_key).
NEVER_ENCRYPTED: Final = (
    "/registry/masterleases/",
    "/registry/peerserverleases/",
    "/registry/ranges/",
    "compact_rev_key",
)
_EXAMPLES: Final = 20


@dataclass(slots=True)
class WriteCounts:
    """What was written: `encrypted` by resource, or `identity` on a plain store; `plain` by the prefix of the key.

    `problems` are examples of what is stored otherwise than wanted, `problem_count` all of them.
    """

    encrypted: Counter[str] = field(default_factory=Counter)
    identity: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    key_ids: Counter[str] = field(default_factory=Counter)
    dek_sources: int = 0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0
    revision: int = 0

    @property
    def written(self) -> int:
        """Return the number of values written."""
        return self.as_wanted.total() + self.plain.total() + self.problem_count

    @property
    def as_wanted(self) -> Counter[str]:
        """Return the values that are stored as the run's configuration says, by resource."""
        return self.encrypted + self.identity

    def add_never_encrypted(self, key: str) -> bool:
        """Count a value whose key is never encrypted; tell whether it is one."""
        prefix = next((prefix for prefix in NEVER_ENCRYPTED if key.startswith(prefix)), "")
        if prefix:
            self.plain[prefix] += 1
        return bool(prefix)

    def add_problem(self, written: EtcdValue, what: str) -> None:
        """Count a value that is stored otherwise than wanted."""
        self.problem_count += 1
        if len(self.problems) < _EXAMPLES:
            self.problems.append(f"revision {written.mod_revision}, {written.key}: {what}")


class Judge(Protocol):
    """Decides on values one by one."""

    @property
    def counts(self) -> WriteCounts:
        """Return what has been counted so far."""

    def judge(self, written: EtcdValue) -> None:
        """Count one value."""


class PlainJudge:
    """Decides on the values of a store that is plain on purpose: an encrypted one is a problem."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.counts = WriteCounts()

    def judge(self, written: EtcdValue) -> None:
        """Count one value."""
        if self.counts.add_never_encrypted(written.key):
            return
        try:
            transformer = stored_form(written.value).transformer
        except KmsE2EError as error:
            transformer = error.what
        if transformer == IDENTITY:
            self.counts.identity[resource_of(written.key)] += 1
        else:
            self.counts.add_problem(written, transformer)


class WriteJudge:
    """Decides on values one by one; the DEK source of each wrapped one is unwrapped by the plugin once."""

    def __init__(self, provider: str, plugin: Decrypter) -> None:
        """Take the name of the provider that must stand in each value, and the plugin that unwraps."""
        self._provider = provider
        self._plugin = plugin
        self._sources: dict[tuple[str, bytes], bytes] = {}
        self.counts = WriteCounts()

    def judge(self, written: EtcdValue) -> None:
        """Count one value."""
        if self.counts.add_never_encrypted(written.key):
            return
        try:
            stored = decode(written.value)
            if stored.provider != self._provider:
                raise StorageError("another provider wrote it", seen=stored.provider, wanted=self._provider)
            open_value(stored, self._source(stored), written.key.encode(errors="surrogateescape"))
        except KmsE2EError as error:
            self.counts.add_problem(written, f"{error.what}: {error.seen}" if error.seen else error.what)
            return
        self.counts.encrypted[resource_of(written.key)] += 1
        self.counts.key_ids[stored.key_id] += 1

    def _source(self, stored: EncryptedObject) -> bytes:
        name = (stored.key_id, stored.encrypted_dek_source)
        if name not in self._sources:
            self._sources[name] = self._plugin.decrypt(stored.wrapped)
            self.counts.dek_sources = len(self._sources)
        return self._sources[name]


class WriteWatch:
    """A thread that judges every write of an etcd while the tests run."""

    def __init__(self, socket: Path, judge: Judge) -> None:
        """Watch the etcd behind `socket` from revision 1 on, as a context manager."""
        self._socket = socket
        self._judge = judge
        self._thread = threading.Thread(target=self._run, name="etcd-watch", daemon=True)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._failure: Exception | None = None

    @property
    def counts(self) -> WriteCounts:
        """Return what has been counted so far."""
        return self._judge.counts

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the thread, within seconds."""
        self._stopped.set()
        self._thread.join()

    def reach(self, revision: int, timeout_s: float = 120.0) -> WriteCounts:
        """Wait until every write up to a revision is judged, and return the counts of then.

        Raises: ProcessError when the watch broke off before, DeadlineError after `timeout_s`.
        """

        def seen() -> str | bool:
            if self._failure is not None:
                raise self._failure
            return self.counts.revision >= revision or f"not yet: revision {self.counts.revision}"

        wait_until(f"the watch has seen revision {revision}", seen, timeout_s=timeout_s)
        with self._lock:
            return copy.deepcopy(self.counts)

    def _run(self) -> None:
        try:
            for change in watch_changes(self._socket, self._stopped.is_set):
                if self._stopped.is_set():
                    return
                with self._lock:
                    if change.deleted:
                        self.counts.deleted += 1
                    else:
                        self._judge.judge(change.written)
                    self.counts.revision = change.revision
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
            self._failure = error


def plural(resource: str) -> str:
    """Return a resource without its group, as built-in keys of etcd name it: `deployments` of `deployments.apps`."""
    return re.split(r"\.", resource, maxsplit=1)[0]
