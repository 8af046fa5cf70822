"""The reference plugin of this project on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.core.reference import REFERENCE_SOURCE, reference_spec
from pipeline.errors import InputError

__all__ = ["REFERENCE_SOURCE", "reference_root", "reference_spec"]

_PROJECT: Final = Path(__file__).resolve().parent.parent.parent


def reference_root() -> Path:
    """Return the project's folder, which holds the reference plugin's source and its `.go-version`.

    Raises: InputError when this is not a checkout: the source is not part of the installed package.
    """
    if not (_PROJECT / REFERENCE_SOURCE.module / "go.mod").is_file():
        raise InputError(
            "the source of the reference plugin is not here",
            seen=f"no {REFERENCE_SOURCE.module}/go.mod",
            where=str(_PROJECT),
            next_step="name the source of a plugin, or run from a checkout of the project",
        )
    return _PROJECT
