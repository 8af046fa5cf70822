"""Architectures that a plugin can be built for beside the machine's own, and what runs it there."""

from __future__ import annotations

from typing import Final

FOLDER: Final = "other-architecture"
"""Where in a folder of binaries the plugin for another architecture lies, with a plugin.json of its own."""

EMULATORS: Final = {
    "amd64": "qemu-x86_64",
    "arm64": "qemu-aarch64",
    "ppc64le": "qemu-ppc64le",
    "s390x": "qemu-s390x",
}
"""The programs of qemu-user by Go's name of the architecture; distributions also call them `…-static`.

Source: kubernetes/kubernetes hack/lib/golang.sh, KUBE_SUPPORTED_SERVER_PLATFORMS.
"""
