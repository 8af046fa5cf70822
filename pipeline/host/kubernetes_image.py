"""kube-apiserver of an official image that was saved as a file."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.host.elf import is_elf_for
from pipeline.host.image_programs import put_aside
from pipeline.host.paths import CachePaths
from pipeline.host.runs import run_folder
from pipeline.host.source import file_digest

_PROGRAM: Final = "kube-apiserver"


def take_api_server(archive: Path, platform: str, paths: CachePaths) -> Path:
    """Return kube-apiserver of an image for a platform such as `linux/amd64`, put into the cache by the file's digest.

    Raises: InputError when the file is no image, has other bytes than its digests say, or lacks such a program.
    """
    target = paths.root / "releases" / "images" / file_digest(archive) / platform.replace("/", "-") / _PROGRAM
    if target.is_file():
        return target
    with run_folder(paths.temporary) as temporary:
        shelf = temporary / "image"
        shelf.mkdir()
        found = {name: path for name, path in put_aside(archive, shelf).items() if posixpath.basename(path) == _PROGRAM}
        chosen = [name for name in found if is_elf_for(shelf / name, platform)]
        if not chosen:
            raise InputError(
                f"the image has no kube-apiserver for {platform}",
                seen=f"{', '.join(found.values())} of another platform" if found else f"no program {_PROGRAM}",
                wanted="an image such as registry.k8s.io/kube-apiserver:v1.37.2",
                where=str(archive),
                next_step=f"docker pull --platform {platform} IMAGE, then docker save IMAGE -o FILE",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        (shelf / chosen[0]).replace(target)
    return target
