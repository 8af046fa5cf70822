"""`audit.toml`: what may differ in this repository, each with its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.core.drift.model import Finding, Rule
from pipeline.errors import InputError

FILE_NAME: Final = "audit.toml"
MIN_REASON: Final = 12
"""Characters of a reason: enough for a sentence, too many for `n/a`."""

_FIELDS: Final = frozenset({"file", "rule", "text", "reason"})


@dataclass(frozen=True, slots=True)
class Allowance:
    """One exception. `file` is a glob (`**` crosses folders); an empty `rule` or `text` stands for any."""

    file: str
    reason: str
    rule: str = ""
    text: str = ""
    line: int = 1

    def covers(self, finding: Finding) -> bool:
        """Tell whether the finding is allowed."""
        return (
            self.rule in {"", finding.rule.value}
            and self.text in {"", finding.text}
            and glob_pattern(self.file).fullmatch(finding.file) is not None
        )


@dataclass(frozen=True, slots=True)
class Allowed:
    """A finding that an exception covers, with the exception's reason."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Exceptions:
    """All exceptions of a repository."""

    allowances: tuple[Allowance, ...] = ()

    def split(self, findings: Iterable[Finding]) -> tuple[list[Finding], list[Allowed]]:
        """Return the findings that stand, one more for each exception that matches nothing, and the allowed ones."""
        used: set[Allowance] = set()
        standing, allowed = list[Finding](), list[Allowed]()
        for finding in findings:
            covering = [allowance for allowance in self.allowances if allowance.covers(finding)]
            used.update(covering)
            if covering:
                allowed.append(Allowed(finding, covering[0].reason))
            else:
                standing.append(finding)
        unused = [_unused(allowance) for allowance in self.allowances if allowance not in used]
        return standing + unused, allowed


def _unused(allowance: Allowance) -> Finding:
    message = f"the exception for {allowance.file!r} ({allowance.reason}) matches nothing: remove it"
    return Finding(Rule.UNUSED_EXCEPTION, FILE_NAME, allowance.line, 1, allowance.file, message)


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Translate a glob over slashed paths: `*` and `?` stay in a folder, `**` crosses them."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts))


def parse_exceptions(content: bytes) -> Exceptions:
    """Read `audit.toml`: `[[allow]]` tables with `file`, `reason` and, to narrow it, `rule` and `text`.

    Raises: InputError for anything else, a reason shorter than `MIN_REASON` characters included.
    """
    try:
        parsed = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused("is no TOML", str(error)) from error
    tables = parsed.pop("allow", [])
    if parsed or not isinstance(tables, list):
        raise _refused("holds something other than [[allow]] tables", ", ".join(sorted(parsed)) or "allow")
    lines = [number for number, line in enumerate(content.decode().split("\n"), 1) if line.strip() == "[[allow]]"]
    return Exceptions(tuple(_allowance(table, lines[i] if i < len(lines) else 1) for i, table in enumerate(tables)))


def _allowance(table: object, line: int) -> Allowance:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise _refused("has an exception that is no table of texts", repr(table)[:80])
    if unknown := sorted(set(table) - _FIELDS):
        raise _refused("has an exception with an unknown field", ", ".join(unknown))
    file, rule, reason = table.get("file", ""), table.get("rule", ""), table.get("reason", "").strip()
    if not file or len(reason) < MIN_REASON:
        raise _refused(
            f"has an exception without a file or a reason of {MIN_REASON} characters", f"{file!r}: {reason!r}"
        )
    if rule and rule not in set(Rule):
        raise _refused("names a rule that does not exist", rule)
    return Allowance(file, reason, rule, table.get("text", ""), line)


def _refused(what: str, seen: str) -> InputError:
    wanted = '[[allow]] with file = "…", reason = "…", and perhaps rule = "…" and text = "…"'
    return InputError(f"{FILE_NAME} {what}", seen=seen, wanted=wanted, where=FILE_NAME, next_step="correct that table")
