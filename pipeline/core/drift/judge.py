"""The one place that decides: a mention against the version in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from pipeline.core.drift.model import Finding, Kind, Mention, Named, Rule, Truth

Sources = Mapping[str, Named]
"""Path of a go.mod, go.work or `.go-version` → the version it leads to."""

VERSION_FILE: Final = ".go-version"


def judge(mentions: Iterable[Mention], truth: Truth, sources: Sources) -> list[Finding]:
    """Return what is wrong, in the order of file, line and column, one finding per place and rule.

    `sources` answers for mentions that point at another file. With an unknown truth only moving versions are wrong,
    and exact ones that disagree among themselves.
    """
    listed = list(mentions)
    findings = [found for mention in listed if (found := _judge_one(mention, truth, sources))]
    if not truth.known:
        findings += _disagreements(listed)
    unique: dict[tuple[str, int, int, Rule], Finding] = {}
    for finding in sorted(findings, key=lambda found: (found.file, found.line, found.column)):
        unique.setdefault((finding.file, finding.line, finding.column, finding.rule), finding)
    return list(unique.values())


def _judge_one(mention: Mention, truth: Truth, sources: Sources) -> Finding | None:
    return _JUDGES.get(mention.kind, _selection)(mention, truth, sources)


def _selection(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    """Judge a mention that selects a toolchain: exact, a range, or fixed elsewhere."""
    named = mention.version
    if named.exact is not None:
        if not truth.known or _agrees(named, truth.version):
            return None
        return _finding(Rule.DRIFT, mention, truth, f"names Go {named}, in force is {truth.version}")
    if named.minor is not None and truth.known and named.minor != _minor(truth.version):
        return _finding(Rule.DRIFT, mention, truth, f"names Go {named}, in force is {truth.version}")
    if mention.kind is Kind.LOCKED:
        return _finding(Rule.OPAQUE, mention, truth, "is fixed elsewhere and names no exact Go version: add it")
    shown = "no exact Go version" if named.minor is None else f"only the line Go {named}"
    return _finding(Rule.FLOATING, mention, truth, f"names {shown}: tomorrow it is another release")


def _bound(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    if not truth.known or not _above(mention.version, truth.version):
        return None
    return _finding(
        Rule.LOWER_BOUND, mention, truth, f"demands Go {mention.version} or newer, in force is {truth.version}"
    )


def _pointer(mention: Mention, truth: Truth, sources: Sources) -> Finding | None:
    path = mention.text.removeprefix("./")
    target = sources.get(path)
    if target is None or not truth.known or path == truth.file or _agrees(target, truth.version):
        return None
    if target.exact is None and target.minor == _minor(truth.version):
        return _finding(Rule.FLOATING, mention, truth, f"leads to only the line Go {target}")
    return _finding(Rule.DRIFT, mention, truth, f"leads to Go {target}, in force is {truth.version}")


def _tool(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    return _finding(
        Rule.FLOATING_TOOL, mention, truth, "moves, and its own go.mod of that day chooses the Go that compiles it"
    )


def _unsafe(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    return _finding(Rule.CHECKSUM_DATABASE_OFF, mention, truth, "lets modules or toolchains in unchecked")


def _go_sum(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    return _finding(
        Rule.TOOLCHAIN_IN_GO_SUM, mention, truth, "vouches for a toolchain in place of the checksum database: remove it"
    )


def _malformed(mention: Mention, truth: Truth, _sources: Sources) -> Finding | None:
    return _finding(Rule.MALFORMED, mention, truth, "is no Go release")


_JUDGES: Final[Mapping[Kind, Callable[[Mention, Truth, Sources], Finding | None]]] = {
    Kind.LOWER_BOUND: _bound,
    Kind.POINTER: _pointer,
    Kind.TOOL: _tool,
    Kind.UNSAFE: _unsafe,
    Kind.GO_SUM: _go_sum,
    Kind.MALFORMED: _malformed,
}


def _disagreements(mentions: list[Mention]) -> Iterator[Finding]:
    exact = [
        mention for mention in mentions if mention.version.exact is not None and mention.kind is not Kind.LOWER_BOUND
    ]
    versions = sorted({str(mention.version) for mention in exact})
    if len(versions) < 2:  # noqa: PLR2004 - two are needed to disagree
        return
    for mention in exact:
        others = ", ".join(version for version in versions if version != str(mention.version))
        yield Finding(
            Rule.NO_SINGLE_SOURCE,
            mention.file,
            mention.line,
            mention.column,
            mention.text,
            f"{mention.what} names Go {mention.version}, other places name {others}, and no file decides",
        )


def _finding(rule: Rule, mention: Mention, truth: Truth, message: str) -> Finding:
    return Finding(
        rule,
        mention.file,
        mention.line,
        mention.column,
        mention.text,
        f"{mention.what} {message}",
        *_correction(rule, mention, truth),
    )


def _correction(rule: Rule, mention: Mention, truth: Truth) -> tuple[str | None, str]:
    """Return the text to write instead, or None with the reason why none is safe; without one where none is meant."""
    if rule not in {Rule.DRIFT, Rule.FLOATING}:
        return None, ""
    if truth.version.exact is None:
        return None, "no exact version is in force"
    if mention.obstacle:
        return None, mention.obstacle
    if mention.beyond_line and _minor(mention.version) != _minor(truth.version):
        return None, mention.beyond_line
    if mention.kind is not Kind.POINTER:
        return mention.template.replace("{}", str(truth.version.exact)), ""
    return (VERSION_FILE, "") if truth.file == VERSION_FILE else (None, f"there is no {VERSION_FILE} to point at")


def _minor(named: Named) -> int | None:
    return named.minor if named.exact is None else named.exact.minor


def _agrees(named: Named, truth: Named) -> bool:
    """Tell whether `named` is the version in force; a truth that is only a line agrees with all its releases."""
    if truth.exact is None:
        return _minor(named) == _minor(truth)
    return named.exact == truth.exact


def _above(named: Named, truth: Named) -> bool:
    if truth.exact is None:
        return (_minor(named) or 0) > (_minor(truth) or 0)
    if named.exact is None:
        return (_minor(named) or 0) > truth.exact.minor
    return named.exact.order > truth.exact.order
