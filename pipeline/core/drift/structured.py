"""Reader of YAML and JSON: CI workflows, compose, bake, Cloud Build, Prow, goreleaser, ko, devcontainers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.commands import assigned, commands_in, without_comment
from pipeline.core.drift.images import image_slot
from pipeline.core.drift.model import Document, Hit, Kind, Mention, Named
from pipeline.core.drift.scalars import Scalar
from pipeline.core.drift.versions import read_version, variable_kind
from pipeline.core.drift.yaml_lines import json_scalars, yaml_scalars

_IMAGE_KEYS: Final = frozenset({"image", "base_image", "baseimage", "defaultbaseimage"})
_COMPUTED: Final = re.compile(r"\$\{\{|\$\(|\{\{|<<|\$\[|\$[A-Za-z_{]")
_GO_KEYS: Final = frozenset({"go", "golang"})
_GO_PARENTS: Final = frozenset({"matrix", "include", "tools"})
_GO_FEATURE: Final = re.compile(r".*/features/go(?::.*)?")
_PROGRAM: Final = re.compile(r"go(1\.[0-9][\w.]*)")
_VARIANT: Final = re.compile(r"(1\.[0-9]{1,3}(?:\.[0-9]{1,3})?)(?:-[a-z]+)?")
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
    for scalar in scalars:
        for hit in _hits(document, scalar):
            if (scalar.line, hit.column) not in seen:
                seen.add((scalar.line, hit.column))
                yield document.mention(scalar.line, hit)


def _hits(document: Document, scalar: Scalar) -> Iterator[Hit]:
    if scalar.block:
        yield from _shifted(scalar, without_comment(scalar.text))
        return
    yield from _keyed(document, scalar)
    if _is_image_slot(document, scalar.key.lower()):
        yield from image_slot(scalar.text, scalar.column)
    else:
        yield from _shifted(scalar, scalar.text)


def _is_image_slot(document: Document, key: str) -> bool:
    """Tell whether a value is an image and nothing else, so that no tag means `latest`; elsewhere it is a name."""
    if key == "name":
        return document.name.startswith("cloudbuild")
    return key in _IMAGE_KEYS or (key == "container" and "/workflows/" in document.path)


def _shifted(scalar: Scalar, text: str) -> Iterator[Hit]:
    for hit in commands_in(text):
        yield Hit(hit.column + scalar.column, hit.text, hit.named, hit.kind, hit.what, hit.template)


def _keyed(document: Document, scalar: Scalar) -> Iterator[Hit]:
    """Judge a value by its key, by the mapping it stands in, and by the dialect of the file."""
    if scalar.key.lower() in {"go-version-file", "go_version_file"}:
        if not _COMPUTED.search(scalar.text):
            yield Hit(scalar.column, scalar.text, Named(), Kind.POINTER, scalar.key)
        return
    if assignment := _assignment(scalar):
        yield from (_unlisted(scalar, hit) for hit in assigned(assignment, scalar.text, scalar.column))
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
        what = "go" if kind is not Kind.LOWER_BOUND else "the linter's language version"
        template = "{}" if scalar.listed <= 1 and kind is not Kind.LOWER_BOUND else ""
        yield Hit(scalar.column + offset, text, named, kind, f"{scalar.key or what}", template)


def _unlisted(scalar: Scalar, hit: Hit) -> Hit:
    """Take the correction from a member of a list: several versions in a row are there on purpose."""
    template = hit.template if scalar.listed <= 1 else ""
    return Hit(hit.column, hit.text, hit.named, hit.kind, hit.what, template)


_EMPTY_FEATURE: Final = re.compile(r"\"(?P<feature>[^\"\s]*/features/go(?::[^\"]*)?)\"\s*:\s*\{\s*\}")


def _empty_features(document: Document) -> Iterator[Mention]:
    """Yield the Go feature without options: it installs the newest release. Source: devcontainers/features, go."""
    for number, line in enumerate(document.lines, 1):
        for found in _EMPTY_FEATURE.finditer(line):
            hit = Hit(found.start("feature"), found["feature"], Named(), Kind.RANGE, "the Go feature", "")
            yield document.mention(number, hit)
