"""From the last lines of a failed Go command to one clear error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import BuildError, InputError, KmsE2EError, MachineError
from pipeline.host.command import Command, Finished
from pipeline.host.progress import duration

_UNKNOWN_VERSION: Final = re.compile(
    r"toolchain not available|golang\.org/toolchain@\S+: .*(?:404|410|not found|not available)|invalid toolchain",
    re.IGNORECASE | re.DOTALL,
)
_NETWORK: Final = re.compile(
    r"dial tcp|no such host|connection refused|network is unreachable|i/o timeout|proxyconnect|TLS handshake"
    r"|connection reset|certificate signed by unknown|context deadline exceeded|module lookup disabled by GOPROXY=off",
    re.IGNORECASE,
)
_DISK: Final = re.compile(r"no space left on device|disk quota exceeded|file too large|file size limit", re.IGNORECASE)
_CHECKSUM: Final = re.compile(
    r"SECURITY ERROR|checksum mismatch|missing go\.sum entry|verifying \S+: [^\n]*", re.IGNORECASE
)
_PACKAGE: Final = re.compile(r"[\w.~/+-]+")
_SHOWN_LINES: Final = 40
_NEWER_GO: Final = re.compile(r"requires go >= ?(\S+) \(running go (\S+);")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: the command, how it ended, for what, with which Go, and where that version stands."""

    command: Command
    finished: Finished
    what: str
    toolchain: str
    version_source: str


def explain(attempt: Attempt) -> KmsE2EError:
    """Return the error that fits a failed Go command, with the command, its last 40 lines and its log's path."""
    return (
        _machine_trouble(attempt)
        or _module_trouble(attempt)
        or _with_output(
            BuildError,
            attempt,
            f"{attempt.what} failed",
            f"exit code {attempt.finished.exit_code}",
            "correct what the lines above say",
        )
    )


def _machine_trouble(attempt: Attempt) -> KmsE2EError | None:
    text = "\n".join(attempt.finished.tail)
    if attempt.finished.timed_out:
        return _with_output(MachineError, attempt, f"{attempt.what} did not end", _timeout(attempt), "see the log")
    if match := _DISK.search(text):
        return _with_output(MachineError, attempt, f"{attempt.what}: the disk is full", match[0], _disk_step(attempt))
    return None


def _module_trouble(attempt: Attempt) -> KmsE2EError | None:
    text = "\n".join(attempt.finished.tail)
    if (match := _UNKNOWN_VERSION.search(text)) and not _NETWORK.search(text):
        return _unknown_version(attempt, " ".join(match[0].split())[:300])
    if match := _CHECKSUM.search(text):
        step = "see the lines below; go.sum and the checksum database disagree with the module, or go.sum lacks it"
        return _with_output(BuildError, attempt, f"{attempt.what}: a module cannot be trusted", match[0], step)
    if match := _NETWORK.search(text):
        step = (
            "connect the machine, or set HTTPS_PROXY or GOPROXY (`kms-e2e doctor` tries it); `kms-e2e prefetch` on a"
            " connected one fetches what an offline build needs"
        )
        return _with_output(MachineError, attempt, f"{attempt.what}: no network to the module proxy", match[0], step)
    if match := _NEWER_GO.search(text):
        step = f"raise the version in {attempt.version_source}, or lower the go line of go.mod"
        seen = f"go{match[2]}, where go.mod wants go{match[1]} or newer"
        return _with_output(BuildError, attempt, f"{attempt.what}: go.mod asks for a newer Go", seen, step)
    return None


def last_lines(lines: Sequence[str]) -> str:
    """Return the last 40 lines of an output, indented below a message, without the names of compiled packages."""
    telling = [line for line in lines if not _PACKAGE.fullmatch(line)][-_SHOWN_LINES:]
    return "\n".join(f"    {line}" for line in telling) or "    (no output)"


def _unknown_version(attempt: Attempt, seen: str) -> InputError:
    return InputError(
        f"there is no Go toolchain {attempt.toolchain} for this platform",
        seen=seen,
        wanted="a version that go.dev/dl lists",
        where=attempt.version_source,
        next_step=f"correct the version; the full output is in {attempt.command.log}",
    )


def _with_output(kind: type[KmsE2EError], attempt: Attempt, what: str, seen: str, next_step: str) -> KmsE2EError:
    output = last_lines(attempt.finished.tail)
    return kind(
        what,
        seen=seen,
        where=f"{attempt.command.pasteable}\n{output}\n  log:    {attempt.command.log}",
        next_step=next_step,
    )


def _timeout(attempt: Attempt) -> str:
    return f"still running after {duration(attempt.command.timeout_s)}"


def _disk_step(attempt: Attempt) -> str:
    cache = Path(attempt.command.environment.get("GOCACHE", ""))
    return f"free some space below {cache.parent.parent}, or name another folder in KMS_E2E_CACHE"
