from __future__ import annotations

import pytest

from pipeline.core.drift.exceptions import glob_pattern, parse_exceptions
from pipeline.core.drift.model import Finding, Rule
from pipeline.errors import InputError

DRIFT = Finding(Rule.DRIFT, "ci/old.yml", 3, 1, "1.25.x", "…")


def allow(**fields: str) -> bytes:
    table = {"file": "ci/*.yml", "reason": "we test the former release too", **fields}
    return ("[[allow]]\n" + "".join(f'{name} = "{value}"\n' for name, value in table.items())).encode()


def test_an_exception_covers_what_it_names() -> None:
    for content in (allow(), allow(rule="drift"), allow(text="1.25.x"), allow(file="**")):
        standing, allowed = parse_exceptions(content).split([DRIFT])
        assert standing == []
        assert [(item.finding, item.reason) for item in allowed] == [(DRIFT, "we test the former release too")]


@pytest.mark.parametrize(
    "fields", [{"rule": "floating"}, {"text": "1.24.x"}, {"file": "*.yml"}, {"file": "ci/other.yml"}]
)
def test_an_exception_covers_nothing_else_and_is_told_to_be_unused(fields: dict[str, str]) -> None:
    standing, allowed = parse_exceptions(b"\n\n" + allow(**fields)).split([DRIFT])
    assert [finding.rule for finding in standing] == [Rule.DRIFT, Rule.UNUSED_EXCEPTION]
    assert standing[1].line == 3
    assert allowed == []


@pytest.mark.parametrize(
    "content",
    [
        b"[[allow]]\nfile = 'x'\n",
        b"[[allow]]\nfile = 'x'\nreason = 'short'\n",
        b"[[allow]]\nfile = 'x'\nreason = '            '\n",
        allow(rule="no-such-rule"),
        allow(lines="3"),
        b"[[allow]]\nfile = 3\nreason = 'a long enough reason'\n",
        b"[allow]\nfile = 'x'\n",
        b"allow = [3]\n",
        b"other = 1\n",
        b"not toml",
        b"\xff",
    ],
)
def test_an_unusable_list_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"audit\.toml"):
        parse_exceptions(content)


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("tests/**", "tests/a/b.yml", True),
        ("**/Dockerfile", "Dockerfile", True),
        ("**/Dockerfile", "a/b/Dockerfile", True),
        ("*.yml", "a/b.yml", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a+b", "aab", False),
    ],
)
def test_globs(glob: str, path: str, matches: bool) -> None:
    assert bool(glob_pattern(glob).fullmatch(path)) is matches
