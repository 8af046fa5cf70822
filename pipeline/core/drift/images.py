"""Container images that carry a Go toolchain, found in text, and what their tags name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pipeline.core.drift.model import Hit, Kind, Named
from pipeline.core.drift.versions import read_version

UNKNOWN: Final = "\0"
"""Stands for text that is known only when the build runs."""

_REPOSITORY: Final = (
    r"(?P<repository>(?:[A-Za-z0-9_.-]+(?::[0-9]+)?/)*"
    r"(?:(?:golang|golang-builder|golang-cross|golang-crossbuild|goreleaser-cross|go-toolset)"
    r"|(?:(?:cimg|devcontainers|cloud-builders|chainguard|bitnami)/(?:go|golang))))"
)
_DIGEST: Final = r"(?P<digest>@sha256:[0-9a-f]{64})?"
_TAG: Final = rf"(?::(?:\$\{{\w+:?-)?(?P<tag>[A-Za-z0-9_{UNKNOWN}][A-Za-z0-9_.{UNKNOWN}-]{{0,127}}+))"
_START: Final = r"(?:(?<=://)|(?<=:-)|(?<![\w./@:$-]))"
_TAGGED: Final = re.compile(rf"{_START}{_REPOSITORY}{_TAG}?{_DIGEST}(?![\w/:@]|-\w)")
_WHOLE: Final = re.compile(rf"{_REPOSITORY}{_TAG}?{_DIGEST}")
_BUILT_WITH: Final = re.compile(
    r"(?<![\w./@-])[\w./-]+:[\w.-]*?-go-?(?P<version>1\.[0-9]{1,3}(?:\.[0-9]{1,3}|rc[0-9]+)?)(?=(?:\.20[0-9]{2})?(?:[-\s\"']|$))"
)
"""Images built with a Go that their tag names; the tags of EKS Distro put the year of its Linux behind."""
_BORING: Final = re.compile(r"(?<=[0-9])b[0-9]{1,2}(?=-|$)")
"""How the former BoringCrypto images mark their own builds of a release: `goboring/golang:1.14.6b4`."""

_OFFICIAL: Final = re.compile(r"(?:(?:index\.)?docker\.io/)?golang|(?:[^/]+/)*library/golang|(?:docker\.io/)?cimg/go")
"""Docker's official image, from its mirrors too, and CircleCI's: they have a tag for every Go release."""

_VARIANTS: Final = frozenset({"", "alpine", "windowsservercore", "nanoserver", "node", "browsers"})
"""Variants that every Go release has. Source: docker-library/golang, versions.json; the page of cimg/go."""

_SHORT_LIVED: Final = re.compile(r"alpine3.*")
"""Alpine's releases come and go within one line of Go: there are images of the two newest only."""

OWN_TAGS: Final = "this image's tags follow a scheme of their own, so that one with the full Go version may not exist"

_TAG_VERSION: Final = re.compile(r"1\.[0-9]{1,3}(?:\.[0-9]{1,3}|rc[0-9]{1,2}|beta[0-9]{1,2})?")


def images_in(text: str) -> Iterator[Hit]:
    """Find image references with a tag or digest anywhere in `text`: `golang:1.26`, `cimg/go:1.26.3`, kube-cross."""
    if ":" not in text and "@" not in text:
        return
    for found in _TAGGED.finditer(text):
        if (found["tag"] or found["digest"]) and (hit := _judge(found)):
            yield hit
    for found in _BUILT_WITH.finditer(text) if "go1." in text or "go-1." in text else ():
        if named := read_version(found["version"]):
            yield Hit(
                found.start("version"), found["version"], named, Kind.RANGE, f"image {found[0]}", obstacle=OWN_TAGS
            )


def image_slot(text: str, column: int = 0) -> Iterator[Hit]:
    """Read `text` as one image reference, where no tag means `latest`. `column` is where it starts in its line."""
    whole = _WHOLE.fullmatch(text)
    hits = tuple(images_in(text)) if whole is None else tuple(filter(None, [_judge(whole)]))
    for hit in hits:
        yield hit.shifted(column)


def _judge(found: re.Match[str]) -> Hit | None:
    tag = found["tag"]
    what = f"image {found[0].replace(UNKNOWN, '…')}"
    kind = Kind.LOCKED if found["digest"] else Kind.RANGE
    if tag is None:
        return _with_obstacles(Hit(found.start(), found[0], Named(), kind, what, found[0] + ":{}"), found, "")
    start, version = _version_in_tag(found["repository"], tag)
    if version is None:
        return None if tag.startswith(UNKNOWN) else _moving_tag(found, kind, what)
    following = tag[start + len(version) : start + len(version) + 1]
    if following == UNKNOWN and version.count(".") == 1:
        return None
    named = read_version(version)
    if named is None:
        return None
    variant = tag[start + len(version) :].removeprefix("-")
    return _with_obstacles(Hit(found.start("tag") + start, version, named, kind, what), found, variant)


def _with_obstacles(hit: Hit, found: re.Match[str], variant: str) -> Hit:
    """Say why no correction is safe: what it would write has to be a tag that the registry is known to have."""
    official = _OFFICIAL.fullmatch(found["repository"])
    if found["digest"]:
        return hit.unfixable("the digest beside it names another image")
    if official is None:
        return hit.unfixable(OWN_TAGS)
    if variant in _VARIANTS:
        return hit
    obstacle = f"a tag with another version and {variant.replace(UNKNOWN, '…')!r} may not exist"
    if _SHORT_LIVED.fullmatch(variant):
        return hit.unfixable(obstacle)
    return replace(hit, beyond_line=obstacle)


def _version_in_tag(repository: str, tag: str) -> tuple[int, str | None]:
    """Return where the version starts in a tag, and the version; the devcontainers put their own in front."""
    parts = tag.split("-")
    tries = 2 if "devcontainers/" in repository else 1
    offset = 0
    for part in parts[:tries]:
        lead = 1 if part.startswith("v") and repository.endswith("goreleaser-cross") else 0
        match = _TAG_VERSION.match(part, lead)
        boring = _BORING.match(part, match.end()) if match and "goboring/" in repository else None
        end = boring.end() if boring else match.end() if match else 0
        if match and part[end : end + 1] in {"", UNKNOWN}:
            return offset + lead, match[0]
        offset += len(part) + 1
    return 0, None


def _moving_tag(found: re.Match[str], kind: Kind, what: str) -> Hit:
    tag = found["tag"]
    first, dash, rest = tag.partition("-")
    replaced = first in {"1", "latest", "tip", "stable"}
    template = ("{}" + dash + rest) if replaced else "{}-" + tag
    hit = Hit(found.start("tag"), tag, Named(), kind, what, template)
    return _with_obstacles(hit, found, rest if replaced else tag)
