"""The images that containers are made from. An argument replaces each, for a mirror or a pinned digest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from pipeline.core.go_version import GoVersion

SUITE_IMAGE: Final = "python:3.13-slim"
"""What the suite runs in. It has glibc 2.41, so that the wheels of the lock fit."""

PLUGIN_IMAGE: Final = "gcr.io/distroless/static-debian12:nonroot"
"""What a plugin's image is based on: certificates, time zones and a user without rights, no shell."""


def go_image(version: GoVersion) -> str:
    """Return the image that holds a Go release, such as `golang:1.26.10-bookworm`."""
    return f"golang:{version}-bookworm"


def install_packages(packages: Sequence[str]) -> list[str]:
    """Return the command that installs Debian packages in a Debian image."""
    words = " ".join(map(shlex.quote, packages))
    return ["sh", "-c", f"apt-get update -qq && apt-get install -qq --yes --no-install-recommends {words}"]
