"""The secrets of a plugin: read when it starts, handed over, and taken out of everything that is written."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.core.plugin_spec import PluginSpec, SecretSource
from pipeline.errors import InputError

_SHORTEST: Final = 4
"""Characters of the shortest text that is taken out: of a shorter one a log would be full by chance."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values by name. Its text never shows them."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.values)

    def redact(self, text: str) -> str:
        """Return `text` with each secret, also in JSON and base64, replaced by `[secret NAME]`."""
        for form, name in self._forms():
            text = text.replace(form, f"[secret {name}]")
        return text

    def redact_bytes(self, line: bytes) -> bytes:
        """Return a line of output without secrets."""
        for form, name in self._forms():
            line = line.replace(form.encode(), f"[secret {name}]".encode())
        return line

    def scrub(self, folder: Path) -> None:
        """Take the secrets out of every file below a folder."""
        for path in folder.rglob("*") if self else ():
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                cleaned = self.redact_bytes(content)
                if cleaned != content:
                    path.write_bytes(cleaned)

    def _forms(self) -> Iterator[tuple[str, str]]:
        """Yield what a secret may look like, the longest first: as it is, each line of it, in JSON, in base64."""
        found = {}
        for name, value in self.values.items():
            encoded = base64.b64encode(value.encode()).decode().rstrip("=")
            for form in (value, json.dumps(value)[1:-1], encoded, *value.splitlines()):
                if len(form) >= _SHORTEST:
                    found[form] = name
        yield from sorted(found.items(), key=lambda item: -len(item[0]))


def read_secrets(sources: Mapping[str, SecretSource]) -> Secrets:
    """Read secrets from the run's environment and files; a line break at the end of a file does not count.

    Raises: InputError naming the one that is not there, and where it was looked for; never a value.
    """
    return Secrets({name: _value(name, source) for name, source in sources.items()})


def all_secrets(spec: PluginSpec) -> Secrets:
    """Read the secrets of a plugin and of its services, for taking them out of texts.

    Raises: InputError as `read_secrets`.
    """
    return read_secrets(dict(spec.all_secrets()))


def _value(name: str, source: SecretSource) -> str:
    try:
        value = os.environ.get(source.env, "") if source.env else _content(source)
        seen = f"{source.env} is {'empty' if source.env in os.environ else 'not set'}" if source.env else "empty"
    except (OSError, UnicodeError) as error:
        value, seen = "", type(error).__name__
    if not value:
        raise InputError(
            f"the secret {name} is not there",
            seen=seen,
            wanted="a secret",
            where=f"environment variable {source.env}" if source.env else f"file {source.file}",
            next_step="set it for the run; only its reference stands in kms-e2e.toml",
        )
    return value


def _content(source: SecretSource) -> str:
    return Path(source.file).expanduser().read_text(encoding="utf-8").removesuffix("\n")
