"""Reader of YAML and JSON: CI workflows, compose, bake, Cloud Build, Prow, goreleaser, ko, devcontainers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.commands import assigned, commands_in, without_comment
from pipeline.core.drift.images import image_slot
from pipeline.core.drift.installers import without_version
from pipeline.core.drift.model import COMBINATION, SEVERAL, Document, Hit, Kind, Mention, Named
from pipeline.core.drift.scalars import Scalar
from pipeline.core.drift.versions import read_version, variable_kind
from pipeline.core.drift.yaml_lines import json_scalars, yaml_scalars

_IMAGE_KEYS: Final = frozenset({"image", "base_image", "baseimage", "defaultbaseimage"})
_COMPUTED: Final = re.compile(r"\$\{\{|\$\(|\{\{|<<|\$\[|\$[A-Za-z_{]")
_REFERENCE: Final = re.compile(r"\b(?:matrix|env|inputs)\.([\w.-]+)")
_LITERAL: Final = re.compile(r"'(1\.[0-9][\w.]*)'")
_GO_KEYS: Final = frozenset({"go", "golang"})
_GO_PARENTS: Final = frozenset({"matrix", "include", "tools"})
_GO_FEATURE: Final = re.compile(r".*/features/go(?::.*)?")
_PROGRAM: Final = re.compile(r"go(1\.[0-9][\w.]*)")
_VARIANT: Final = re.compile(r"(1\.[0-9]{1,3}(?:\.[0-9]{1,3})?)(?:-[a-z]+)?")
_FEATURE: Final = "it has no options: add a version to them"
_VALUE_KEYS: Final = frozenset({"value", "default"})


def read_yaml(document: Document) -> Iterator[Mention]:
    """Yield what a YAML file names, by keys and by the images and commands in its values."""
    return _read(document, yaml_scalars(document.lines))


def read_json(document: Document) -> Iterator[Mention]:
    """Yield what a JSON file names (bake, Cloud Build, devcontainer, devbox)."""
    yield from _read(document, json_scalars(document.lines))
    yield from _empty_features(document)


def _read(document: Document, scalars: list[Scalar]) -> Iterator[Mention]:
    seen: set[tuple[int, int]] = set()
    names = frozenset(name for scalar in scalars for name in _referred(scalar))
    for scalar in scalars:
        for hit in (*_hits(document, scalar), *_followed(scalar, names)):
            if (scalar.line, hit.column) not in seen and not _is_excluded(scalar):
                seen.add((scalar.line, hit.column))
                yield document.mention(scalar.line, hit.unfixable(_purpose(scalar)))


def _hits(document: Document, scalar: Scalar) -> Iterator[Hit]:
    if scalar.block <= 1:
        yield from _keyed(document, scalar)
        yield from without_version(scalar)
    if _is_image_slot(document, scalar.key.lower()) and not scalar.block > 1:
        yield from image_slot(scalar.text, scalar.column)
    else:
        text = without_comment(scalar.text) if scalar.block else scalar.text
        yield from (hit.shifted(scalar.column) for hit in commands_in(text))


def _referred(scalar: Scalar) -> list[str]:
    """Return the names of the matrix, environment or inputs that a computed `go-version` takes its value from."""
    if scalar.key.lower() != "go-version":
        return []
    return [path.rpartition(".")[2] for path in _REFERENCE.findall(scalar.text)]


def _followed(scalar: Scalar, names: frozenset[str]) -> Iterator[Hit]:
    """Judge what a computed `go-version` leads to in the same file, and the literals in it.

    Source: GitHub's documentation of expressions, contexts and literals.
    """
    is_default = scalar.key == "default" and scalar.frame.key in names and scalar.inside("inputs")
    if is_default or (scalar.key in names and scalar.inside("matrix", "env")):
        yield from _version(scalar, Kind.RANGE, scalar.text)
    if scalar.key.lower() == "go-version" and "${{" in scalar.text:
        for found in _LITERAL.finditer(scalar.text):
            yield from _version(scalar, Kind.RANGE, found[1], found.start(1))


def _is_excluded(scalar: Scalar) -> bool:
    """Tell whether a matrix leaves the combination out, so that it runs nowhere."""
    return scalar.inside("exclude") and scalar.inside("matrix")


def _purpose(scalar: Scalar) -> str:
    """Return why a version stands there on purpose: it is one of several, in a row or in a matrix' combinations."""
    above = list(scalar.frame.above())
    for depth, frame in enumerate(above):
        if frame.key == "include":
            return COMBINATION
        if frame.key == "matrix":
            direct = depth == 0 or (depth == 1 and above[0].key == "parameters")
            if not direct or any(inner.is_item for inner in above[: depth + 1]):
                return COMBINATION
            return SEVERAL if scalar.listed > 1 else ""
    return ""


def _is_image_slot(document: Document, key: str) -> bool:
    """Tell whether a value is an image and nothing else, so that no tag means `latest`; elsewhere it is a name."""
    if key == "name":
        return document.name.startswith("cloudbuild")
    return key in _IMAGE_KEYS or (key == "container" and "/workflows/" in document.path)


def _keyed(document: Document, scalar: Scalar) -> Iterator[Hit]:
    """Judge a value by its key, by the mapping it stands in, and by the dialect of the file."""
    if scalar.key.lower() in {"go-version-file", "go_version_file"}:
        if not _COMPUTED.search(scalar.text):
            yield Hit(scalar.column, scalar.text, Named(), Kind.POINTER, scalar.key)
        return
    if assignment := _assignment(scalar):
        several = SEVERAL if scalar.listed > 1 else ""
        yield from (hit.unfixable(several) for hit in assigned(assignment, scalar.text, scalar.column))
    if scalar.key in {"tool", "gobinary"} and (program := _PROGRAM.fullmatch(scalar.text)):
        yield from _version(scalar, Kind.EXACT, program[1], 2)
    elif document.name.endswith("devcontainer.json") and scalar.key == "VARIANT":
        if variant := _VARIANT.fullmatch(scalar.text):
            yield from _version(scalar, Kind.RANGE, variant[1])
    elif kind := _special(document, scalar):
        yield from _version(scalar, kind, scalar.text)


def _assignment(scalar: Scalar) -> str:
    """Return the variable that the value belongs to, when there is one: by key, or by a sibling `name`."""
    key, values = scalar.key, scalar.frame.values
    if key in _VALUE_KEYS:
        return values.get("name") or values.get("key") or scalar.frame.key
    if key.isupper() or variable_kind(key):
        return key
    return ""


def _special(document: Document, scalar: Scalar) -> Kind | None:
    """Return how a value binds that is a version only in its place: matrix, installer task, orb, linter, feature."""
    key, values, parent = scalar.key.lower(), scalar.frame.values, scalar.frame.parent
    if key in _GO_KEYS:
        return _go_key(document, scalar)
    if key == "version" and scalar.frame.key == "go" and document.name.startswith(".promu"):
        return Kind.RANGE
    if key == "version" and _GO_FEATURE.fullmatch(scalar.frame.key):
        return Kind.RANGE
    if key == "version" and parent is not None and parent.values.get("task", "").startswith("GoTool@"):
        return Kind.EXACT
    if key == "tag" and values.get("name") == "go/default":
        return Kind.RANGE
    return None


def _go_key(document: Document, scalar: Scalar) -> Kind | None:
    if "golangci" in document.name:
        return Kind.LOWER_BOUND
    if document.name == ".travis.yml" or scalar.inside(*_GO_PARENTS):
        return Kind.RANGE
    return None


def _version(scalar: Scalar, kind: Kind, text: str, offset: int = 0) -> Iterator[Hit]:
    if (named := read_version(text, kind)) is not None:
        what = "the linter's language version" if kind is Kind.LOWER_BOUND else scalar.key
        obstacle = SEVERAL if scalar.listed > 1 else ""
        yield Hit(scalar.column + offset, text, named, kind, what, obstacle=obstacle)


_EMPTY_FEATURE: Final = re.compile(r"\"(?P<feature>[^\"\s]*/features/go(?::[^\"]*)?)\"\s*:\s*\{\s*\}")


def _empty_features(document: Document) -> Iterator[Mention]:
    """Yield the Go feature without options: it installs the newest release. Source: devcontainers/features, go."""
    for number, line in enumerate(document.lines, 1):
        for found in _EMPTY_FEATURE.finditer(line):
            hit = Hit(
                found.start("feature"), found["feature"], Named(), Kind.RANGE, "the Go feature", obstacle=_FEATURE
            )
            yield document.mention(number, hit)
