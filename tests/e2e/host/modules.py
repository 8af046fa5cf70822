"""A module proxy as a folder, with one module that no public proxy has."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path

VERSION = "v1.0.0"


def write_proxy(folder: Path, name: str, text: str) -> str:
    """Write a proxy that serves the module `name`, whose function returns `text`; return its URL."""
    versions = folder / name / "@v"
    versions.mkdir(parents=True, exist_ok=True)
    (versions / "list").write_text(f"{VERSION}\n")
    (versions / f"{VERSION}.info").write_text(json.dumps({"Version": VERSION, "Time": "2026-01-02T03:04:05Z"}))
    (versions / f"{VERSION}.mod").write_text(_go_mod(name))
    with zipfile.ZipFile(versions / f"{VERSION}.zip", "w") as archive:
        for path, content in _files(name, text).items():
            archive.writestr(path, content)
    return folder.as_uri()


def go_sum(name: str, text: str) -> str:
    """Return the lines of go.sum that vouch for the module. Source: golang.org/x/mod/sumdb/dirhash, Hash1."""
    whole, file = _hash(_files(name, text)), _hash({"go.mod": _go_mod(name)})
    return f"{name} {VERSION} {whole}\n{name} {VERSION}/go.mod {file}\n"


def use(source: Path, name: str, text: str) -> None:
    """Let a plugin's source print what the module says."""
    (source / "go.mod").write_text(f"module example.com/plugin\n\ngo 1.26.0\n\nrequire {name} {VERSION}\n")
    (source / "go.sum").write_text(go_sum(name, text))
    main = f'package main\n\nimport "{name}"\n\nfunc main() {{ println(private.Text()) }}\n'
    (source / "main.go").write_text(main)


def _go_mod(name: str) -> str:
    return f"module {name}\n\ngo 1.26.0\n"


def _files(name: str, text: str) -> dict[str, str]:
    prefix = f"{name}@{VERSION}"
    return {
        f"{prefix}/go.mod": _go_mod(name),
        f"{prefix}/private.go": f'package private\n\nfunc Text() string {{ return "{text}" }}\n',
    }


def _hash(files: dict[str, str]) -> str:
    lines = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()
