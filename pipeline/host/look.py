"""Look at a repository for what a first `kms-e2e.toml` needs; nothing is run and nothing is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.core.config.writing import Seen
from pipeline.errors import InputError

_LEFT_OUT: Final = frozenset({"vendor", "node_modules", "testdata", "third_party", "_artifacts", "__pycache__"})
_MAIN: Final = re.compile(r"^package main\b", re.MULTILINE)
_CGO: Final = re.compile(r'^import "C"$|^\s*"C"$', re.MULTILINE)
_PKCS11: Final = re.compile(r"miekg/pkcs11|ThalesGroup/crypto11")
_MODULE: Final = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_MOST_BYTES: Final = 1 << 20


def look(root: Path) -> Seen:
    """Return what a repository shows.

    Raises: InputError when it is no folder.
    """
    if not root.is_dir():
        raise InputError("the plugin's repository is not a folder", seen=str(root), next_step="name its folder")
    texts = {path: _text(path) for path in _files(root)}
    modules = tuple(sorted(_folder(root, path) for path in texts if path.name == "go.mod"))
    mains: dict[str, str] = {}
    for path, text in sorted(texts.items()):
        if path.suffix == ".go" and not path.name.endswith("_test.go") and _MAIN.search(text):
            folder = _folder(root, path)
            mains[folder] = mains.get(folder, "") + text
    return Seen(
        name=_name(root, texts),
        modules=modules,
        mains=mains,
        dockerfiles=tuple(text for path, text in sorted(texts.items()) if "dockerfile" in path.name.lower()),
        cgo=any(_CGO.search(text) for path, text in texts.items() if path.suffix == ".go")
        or any(_PKCS11.search(text) for path, text in texts.items() if path.name == "go.mod"),
        vendor=any((root / module / "vendor" / "modules.txt").is_file() for module in modules),
        work=(root / "go.work").is_file(),
    )


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
    last = match[1].rstrip("/").rpartition("/")[2] if match else root.absolute().name
    return last.replace(":", "-") or "my-plugin"
