"""Coverage-guided fuzzing of everything that reads a stranger's bytes: `make fuzz FUZZ_SECONDS=300`.

The first byte chooses the reader. Nothing may escape but an InputError, and a finding's place must lie in the file and
be printable. Atheris is not among the locked packages: it is built for few Python versions; `make fuzz` installs it.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from pipeline.core.drift.audit import Auditor
    from pipeline.core.drift.exceptions import Exceptions, parse_exceptions
    from pipeline.core.drift.formats import to_annotations, to_json, to_sarif
    from pipeline.core.go_binary import parse_go_binaries
    from pipeline.core.go_resolution import VersionFile, resolve
    from pipeline.core.go_version import parse_go_version
    from pipeline.errors import InputError
    from pipeline.host.module_proxy import check_database, check_proxy

PATHS = (
    *("Dockerfile", "go.mod", "go.work", "go.sum", ".go-version", ".github/workflows/a.yml", "a.yaml", "Makefile"),
    *("a.sh", ".tool-versions", "mise.toml", "devcontainer.json", "docker-bake.hcl", "a.nix", "MODULE.bazel"),
    *("Jenkinsfile", "cloudbuild.json", "devbox.json", ".travis.yml", "Earthfile", ".envrc", "netlify.toml"),
)


def audit(path: str, content: bytes) -> None:
    """Audit one file as if it lay beside a usable .go-version."""
    auditor = Auditor()
    auditor.add(path, content.decode("utf-8", "surrogateescape"))
    found = auditor.finish(b"1.26.3\n", Exceptions())
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    for finding in found.findings:
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 2
    for text in (to_annotations(found.findings), to_json(found), to_sarif(found, "0")):
        assert "\0" not in text
        assert "\x1b" not in text
    assert len(to_annotations(found.findings).splitlines()) == len(found.findings)


def values(content: bytes) -> None:
    """Read a value of a file or a variable in every other way."""
    text = content.decode("utf-8", "surrogateescape")
    for read in (
        lambda: parse_go_version(content, where="fuzz"),
        lambda: parse_exceptions(content),
        lambda: parse_go_binaries(text),
        lambda: resolve({"GOTOOLCHAIN": text}, VersionFile("f", content)),
        lambda: check_proxy(text, where="fuzz"),
        lambda: check_database(text, where="fuzz"),
    ):
        try:
            read()
        except InputError:
            continue


def one(data: bytes) -> None:
    """Take one input."""
    if not data:
        return
    content = data[1:]
    if data[0] < len(PATHS):
        audit(PATHS[data[0]], content)
    else:
        values(content)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
