"""Log files of the components: when each line was written, excerpts, and lines by the uid of a KMS call."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.report import files

# A line is cut where it would make the page heavy; the file itself is linked.
LONGEST_LINE: Final = 600
_QUARTER_S: Final = 900
_SLACK_S: Final = 120.0

_KLOG: Final = re.compile(r"[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})")
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_EPOCH: Final = re.compile(r'"(?:ts|time|timestamp)": ?(\d{10}(?:\.\d+)?)')
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What kube-apiserver and etcd say of encryption, and warnings and errors in the forms of klog and zap.
_TELLING: Final = re.compile(
    r"^[WEF]\d{4} |\"level\":\"(?:warn|error|fatal)|(?<!/)\bkms|envelope|encrypt|corrupt|transform|expired",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Za-z0-9_.\-]{4,}")


@dataclass(frozen=True, slots=True)
class Log:
    """One component's log. `times` says line by line when it was written, in seconds since the epoch, never falling."""

    plane: str
    component: str
    link: str
    times: tuple[float, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a log written in some span of time; `left_out` is how many more there were."""

    component: str
    link: str
    lines: tuple[str, ...]
    left_out: int


def read_logs(folder: Path, started_at: float, finished_at: float) -> tuple[Log, ...]:
    """Return the logs below logs/<plane>/ of a report folder, sorted by plane and component."""
    paths = sorted((folder / files.LOGS_FOLDER).glob("*/*.log"))
    return tuple(_read(path, started_at, finished_at) for path in paths)


def excerpt(log: Log, start: float, end: float, limit: int) -> Excerpt:
    """Return up to `limit` lines that were written between `start` and `end`, in their order.

    The last of those that speak of encryption, or warn, come before all others.
    """
    span = range(bisect_left(log.times, start), bisect_right(log.times, end))
    telling = [number for number in span if _TELLING.search(log.lines[number])]
    others = sorted(set(span) - set(telling))
    chosen = telling[-limit:] + (others[len(telling) - limit :] if len(telling) < limit else [])
    return Excerpt(log.component, log.link, tuple(log.lines[n] for n in sorted(chosen)), len(span) - len(chosen))


def lines_by_uid(logs: Iterable[Log], uids: Collection[str]) -> dict[tuple[str, str], str]:
    """Return the first log line that holds a call's uid, by plane and uid.

    etcd and kube-apiserver are passed over: the line asked for is the plugin's.
    """
    found: dict[tuple[str, str], str] = {}
    for log in logs:
        if log.component.startswith(("etcd", "kube-apiserver")):
            continue
        for line in log.lines:
            for word in _WORD.findall(line):
                if word in uids:
                    found.setdefault((log.plane, word), line)
    return found


def clean(text: str) -> str:
    """Return a log line without colours and with its control characters made visible, cut when very long."""
    visible = _CONTROL.sub(lambda control: f"\\x{ord(control[0]):02x}", _COLOUR.sub("", text))
    return visible if len(visible) <= LONGEST_LINE else f"{visible[:LONGEST_LINE]}… ({len(visible)} characters)"


def _read(path: Path, started_at: float, finished_at: float) -> Log:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if not lines[-1]:
        lines.pop()
    times = _rising(_shifted(list(_times(lines, started_at)), started_at, finished_at))
    return Log(
        plane=path.parent.name,
        component=path.stem,
        link=f"{files.LOGS_FOLDER}/{path.parent.name}/{path.name}",
        times=tuple(times),
        lines=tuple(clean(line) for line in lines),
    )


def _times(lines: Sequence[str], started_at: float) -> Iterator[tuple[float, bool]]:
    """Yield when each line was written (without a time: with its predecessor), and whether a zone was named."""
    at, zoned = started_at, True
    for line in lines:
        head = line[:200]
        klog, iso, epoch = _KLOG.match(head), _ISO.search(head), _EPOCH.search(head)
        if klog:
            at, zoned = _klog_time(klog, datetime.fromtimestamp(started_at, UTC).year), False
        elif iso:
            at, zoned = _iso_time(iso[0], at)
        elif epoch:
            at, zoned = float(epoch[1]), True
        yield at, zoned


def _klog_time(match: re.Match[str], year: int) -> float:
    month, day, hour, minute, second, micro = (int(part) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, micro, UTC).timestamp()
    except ValueError:  # not a date after all
        return 0.0


def _iso_time(text: str, otherwise: float) -> tuple[float, bool]:
    try:
        at = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return otherwise, True
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC).timestamp(), False
    return at.timestamp(), True


def _shifted(times: Sequence[tuple[float, bool]], started_at: float, finished_at: float) -> Iterator[float]:
    """Move local times to UTC: klog writes no zone, so one outside the run is off by whole quarters of an hour."""
    first = next((at for at, zoned in times if not zoned), None)
    shift = 0.0
    if first is not None and not started_at - _SLACK_S <= first <= finished_at + _SLACK_S:
        shift = round((first - started_at) / _QUARTER_S) * _QUARTER_S
    for at, zoned in times:
        yield at if zoned else at - shift


def _rising(times: Iterable[float]) -> Iterator[float]:
    latest = float("-inf")
    for at in times:
        latest = max(latest, at)
        yield latest
