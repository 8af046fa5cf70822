"""A first `kms-e2e.toml` from what a repository shows: its go.mod, main packages and image entry points."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SOCKET_FLAG: Final = re.compile(r"""["`](?P<flag>(?:[a-z0-9]+-)*(?:listen|socket|endpoint|addr)(?:-[a-z0-9]+)*)["`]""")
_FLAG_CALL: Final = re.compile(
    r"\b(?:flag|flags|fs|pflag|[a-z]+\.Flags\(\)|cmd\.[A-Za-z]+\(\))\.String(?:Var|P|VarP)?\("
)
_ENTRYPOINT: Final = re.compile(r"^\s*(?P<kind>ENTRYPOINT|CMD)\s+(?P<words>.+)$", re.MULTILINE | re.IGNORECASE)
_SOCKET_VALUE: Final = re.compile(r"(?:unix://)?/\S+\.sock\b")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a repository.

    `modules` are the folders of go.mod; `mains` folders of main packages with their text, both relative to the
    repository; `dockerfiles` are texts. Those of the modules in which a file imports C are `cgo`, those built from a
    folder vendor are `vendor`, and those that a go.work in the repository's folder uses are `work`.
    """

    name: str
    modules: tuple[str, ...]
    mains: Mapping[str, str]
    dockerfiles: tuple[str, ...] = ()
    cgo: frozenset[str] = frozenset()
    vendor: frozenset[str] = frozenset()
    work: frozenset[str] = frozenset()


def first_config(seen: Seen, schema: str | None) -> str:
    """Return the text of a `kms-e2e.toml` to begin with; what could not be seen stands in it as a comment.

    `schema` is the path of the JSON Schema for editors, None without one.
    """
    argv = _argv(seen)
    lines = [
        *([f"#:schema {schema}"] if schema else []),
        "# How kms-e2e builds and runs this KMS v2 plugin. Check what `kms-e2e init` has guessed, then: kms-e2e run",
        "",
        f"name = {json.dumps(seen.name)}",
        "",
        *_source(seen),
        "",
        "[run]",
        f"argv = {_array(argv)}",
        '# env = { LOG_LEVEL = "info" }',
        "# ready_timeout_s = 30",
        "",
        "# [run.secrets] # by reference: the value comes from the run's environment and is shown nowhere",
        '# TOKEN = { env = "CI_TOKEN" }',
        "",
        "# [[services]] # what the plugin needs: an emulator, a server",
        '# name = "keys"',
        '# argv = ["key-server", "--listen", "{services}/keys.sock"]',
        '# ready = { socket = "{services}/keys.sock" }',
        "",
        "# [hooks] # without a hook the scenarios that need it are not run",
        '# rotate = ["{assets}/kms-plugin", "rotate"]',
    ]
    return "\n".join(lines) + "\n"


def _source(seen: Seen) -> list[str]:
    main = _best_main(seen)
    if main is None:
        return ["[program] # no Go main package was found", 'path = "bin/kms-plugin"']
    module = module_of(main, seen.modules)
    package = _relative(main, module)
    lines = ["[go]"]
    lines += [f"module = {json.dumps(module)}"] if module != "." else []
    lines += [f"package = {json.dumps('./' + package)}"] if package != "." else []
    lines += ["cgo = true"] if module in seen.cgo else []
    lines += ["vendor = true"] if module in seen.vendor else []
    lines += ["workspace = true"] if module in seen.work else []
    others = [folder for folder in seen.mains if folder != main]
    return lines + ([f"# other main packages: {', '.join(sorted(others))}"] if others else [])


def _best_main(seen: Seen) -> str | None:
    """Prefer a package that speaks of KMS, then the shortest path."""
    return min(seen.mains, key=lambda folder: ("kms" not in folder.lower(), len(folder), folder), default=None)


def _argv(seen: Seen) -> list[str]:
    program = "{assets}/kms-plugin"
    words = _image_words(seen.dockerfiles)
    if any(_SOCKET_VALUE.search(word) for word in words):
        return [program, *(_SOCKET_VALUE.sub(_placeholder, word) for word in words)]
    main = _best_main(seen)
    flag = _socket_flag(seen.mains[main]) if main is not None else None
    return [program, *words, f"--{flag or 'listen'}=unix://{{socket}}"]


def _placeholder(match: re.Match[str]) -> str:
    return "unix://{socket}" if match[0].startswith("unix://") else "{socket}"


def _image_words(dockerfiles: Sequence[str]) -> list[str]:
    """Return the arguments that an image starts the plugin with, without the program."""
    for text in dockerfiles:
        found: dict[str, list[str]] = {}
        for match in _ENTRYPOINT.finditer(text):
            found[match["kind"].upper()] = _words(match["words"].strip())
        words = [*found.get("ENTRYPOINT", []), *found.get("CMD", [])]
        if len(words) > 1:
            return words[1:]
    return []


def _words(text: str) -> list[str]:
    try:
        words = json.loads(text) if text.startswith("[") else shlex.split(text)
    except ValueError:
        return []
    return [str(word) for word in words]


def _socket_flag(text: str) -> str | None:
    """Return the flag of a Go program that takes the socket: the first one of a known name."""
    for line in text.splitlines():
        match = _SOCKET_FLAG.search(line)
        if match and _FLAG_CALL.search(line):
            return match["flag"]
    return None


def _array(words: Sequence[str]) -> str:
    return "[" + ", ".join(json.dumps(word, ensure_ascii=False) for word in words) + "]"


def module_of(folder: str, modules: Sequence[str]) -> str:
    """Return the module that a folder belongs to: the nearest go.mod in it or above it."""
    return max((module for module in modules if _inside(folder, module)), key=_depth, default=".")


def _depth(folder: str) -> int:
    return 0 if folder == "." else folder.count("/") + 1


def _inside(path: str, folder: str) -> bool:
    return folder in {".", path} or path.startswith(folder + "/")


def _relative(path: str, folder: str) -> str:
    return path if folder == "." else path[len(folder) :].lstrip("/") or "."
