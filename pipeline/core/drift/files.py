"""Which files can name a Go version, and which reader understands them. The audit opens no other file."""

from __future__ import annotations

import re
from typing import Final

from pipeline.core.drift.dockerfile import read_dockerfile
from pipeline.core.drift.go_files import read_go_mod, read_go_sum, read_version_file
from pipeline.core.drift.model import Reader
from pipeline.core.drift.scripts import read_script
from pipeline.core.drift.settings import (
    read_bazel,
    read_devbox,
    read_groovy,
    read_hcl,
    read_nix,
    read_tool_versions,
    read_tools_toml,
)
from pipeline.core.drift.structured import read_json, read_yaml

SKIPPED_FOLDERS: Final[dict[str, str]] = {
    ".git": "the history, not the tree",
    ".hg": "the history, not the tree",
    ".svn": "the history, not the tree",
    "node_modules": "packages of others, installed",
    "vendor": "modules of others, copied; their go lines bind nobody here",
    "third_party": "code of others, copied",
    "LICENSES": "texts and sources of others, collected for their licences (REUSE, go-licenses)",
    "testdata": "the Go command ignores it; it holds inputs of tests",
    ".venv": "an installed Python environment",
    "venv": "an installed Python environment",
    "__pycache__": "compiled Python",
    ".tox": "installed Python environments",
    ".terraform": "downloaded providers",
    ".cache": "a cache",
    "bazel-out": "build output",
}
"""Folders that the audit does not enter, each with the reason."""

_BY_NAME: Final[dict[str, Reader]] = {
    ".go-version": read_version_file,
    ".gvmrc": read_version_file,
    "go.mod": read_go_mod,
    "go.work": read_go_mod,
    "go.sum": read_go_sum,
    "go.work.sum": read_go_sum,
    ".tool-versions": read_tool_versions,
    "mise.toml": read_tools_toml,
    ".mise.toml": read_tools_toml,
    "mise.lock": read_tools_toml,
    "netlify.toml": read_tools_toml,
    "devbox.json": read_devbox,
    "devcontainer.json": read_json,
    ".devcontainer.json": read_json,
    ".envrc": read_script,
    ".env": read_script,
    "Earthfile": read_dockerfile,
}


def _path(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


_BY_PATTERN: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (_path(r"(?:.*[./])?(?:[Dd]ockerfile|Containerfile)(?:[._-][^/]*)?"), read_dockerfile),
    (_path(r".*\.ya?ml"), read_yaml),
    (_path(r"(?:.*/)?(?:docker-bake|cloudbuild)[^/]*\.json"), read_json),
    (_path(r"(?:.*/)?(?:GNUm|[Mm])akefile(?:\.[^/]+)?|.*\.(?:mk|mak)"), read_script),
    (_path(r".*\.(?:sh|bash|env)|(?:.*/)?\.env\.[^/]+"), read_script),
    (
        _path(r"(?:.*/)?\.?mise\.[\w-]+\.toml|(?:.*/)?\.?(?:config/)?mise/config(?:\.[\w-]+)?\.toml"),
        read_tools_toml,
    ),
    (_path(r".*\.hcl"), read_hcl),
    (_path(r".*\.nix"), read_nix),
    (_path(r"(?:.*/)?(?:WORKSPACE(?:\.\w+)?|[\w.-]*MODULE\.bazel)|.*\.bzl"), read_bazel),
    (_path(r"(?:.*/)?Jenkinsfile(?:[.-][^/]+)?"), read_groovy),
)
_NEVER: Final = _path(r".*\.(?:dockerignore|md|txt|orig|rej|swp|bak|go|py|j2|tmpl|tpl)|.*~")
_HINTS: Final = tuple(
    name.lower() for name in (*_BY_NAME, "dockerfile", "containerfile", "makefile", "workspace", "jenkinsfile")
)
_ENDINGS: Final = (
    ".yml",
    ".yaml",
    ".json",
    ".mk",
    ".mak",
    ".sh",
    ".bash",
    ".env",
    ".toml",
    ".hcl",
    ".nix",
    ".bazel",
    ".bzl",
)

ALWAYS_TOLD: Final = frozenset({*_BY_NAME, "Dockerfile", "Makefile", "Jenkinsfile"})
"""Names for which an unreadable file is a finding; others (a large YAML of test data) are only noted."""


def reader_for(path: str) -> Reader | None:
    """Return the reader of the file at `path` (relative, with slashes), or None when it is no candidate."""
    name = path.rpartition("/")[2]
    if named := _BY_NAME.get(name):
        return named
    lowered = name.lower()
    if not lowered.endswith(_ENDINGS) and not any(hint in lowered for hint in _HINTS):
        return None
    if _NEVER.fullmatch(name):
        return None
    return next((reader for pattern, reader in _BY_PATTERN if pattern.fullmatch(path)), None)
