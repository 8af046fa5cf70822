"""Look at a repository for what a first `kms-e2e.toml` needs; nothing is run and nothing is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.core.build_constraint import is_built
from pipeline.core.config.writing import Seen, module_of
from pipeline.core.go_module import local_members
from pipeline.errors import InputError

_LEFT_OUT: Final = frozenset({"vendor", "node_modules", "testdata", "third_party", "_artifacts", "__pycache__"})
_MAIN: Final = re.compile(r"^package main\b", re.MULTILINE)
_CGO: Final = re.compile(r'^import "C"$|^\s*"C"$', re.MULTILINE)
_PKCS11: Final = re.compile(r"miekg/pkcs11|Thales(?:Group|Ignite)/crypto11")
_MODULE: Final = re.compile(r"^module\s+(\S+)", re.MULTILINE)
# A major version from 2 on is the last part of a module's path. Source: go.dev/ref/mod, module paths.
_MAJOR: Final = re.compile(r"/v\d+$")
_MOST_BYTES: Final = 1 << 20


def look(root: Path) -> Seen:
    """Return what a repository shows.

    Raises: InputError when it is no folder.
    """
    if not root.is_dir():
        raise InputError("the plugin's repository is not a folder", seen=str(root), next_step="name its folder")
    texts = {path: _text(path) for path in _files(root)}
    modules = tuple(sorted(_folder(root, path) for path in texts if path.name == "go.mod"))
    sources = {path: text for path, text in sorted(texts.items()) if path.suffix == ".go" and is_built(text)}
    mains: dict[str, str] = {}
    for path, text in sources.items():
        if not path.name.endswith("_test.go") and _MAIN.search(text):
            folder = _folder(root, path)
            mains[folder] = mains.get(folder, "") + text
    work = _used(root, modules)
    return Seen(
        name=_name(root, texts),
        modules=modules,
        mains=mains,
        dockerfiles=tuple(text for path, text in sorted(texts.items()) if "dockerfile" in path.name.lower()),
        cgo=frozenset(module_of(_folder(root, path), modules) for path in _with_cgo(texts, sources)),
        vendor=frozenset(
            module for module in modules if _has_vendor(root / module) or (module in work and _has_vendor(root))
        ),
        work=work,
    )


def _with_cgo(texts: Mapping[Path, str], sources: Mapping[Path, str]) -> Iterator[Path]:
    yield from (path for path, text in sources.items() if _CGO.search(text))
    yield from (path for path, text in texts.items() if path.name == "go.mod" and _PKCS11.search(text))


def _used(root: Path, modules: Sequence[str]) -> frozenset[str]:
    members = {os.path.normpath(member) for member in local_members(_text(root / "go.work"))}
    return frozenset(module for module in modules if module in members)


def _has_vendor(module: Path) -> bool:
    return (module / "vendor" / "modules.txt").is_file()


def _files(root: Path) -> Iterator[Path]:
    for current, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        for name in names:
            if name.endswith(".go") or name == "go.mod" or "dockerfile" in name.lower():
                yield Path(current, name)


def _text(path: Path) -> str:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _folder(root: Path, path: Path) -> str:
    return path.parent.relative_to(root).as_posix()


def _name(root: Path, texts: dict[Path, str]) -> str:
    match = _MODULE.search(texts.get(root / "go.mod", ""))
    path = _MAJOR.sub("", match[1].rstrip("/")) if match else root.absolute().name
    last = path.rpartition("/")[2]
    return last.replace(":", "-") or "my-plugin"
