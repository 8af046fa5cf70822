"""What an assets folder gets beside compiled binaries: a finished program, files of the repository, a second plugin."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.core.build_plan import PLUGIN_BINARY
from pipeline.core.config import Program
from pipeline.errors import InputError, MachineError
from pipeline.host.elf import elf_machine, is_elf_for, machine_name
from pipeline.host.image import ImagePart
from pipeline.host.project import Project
from pipeline.host.source import file_digest, tree_digest


class Part(Protocol):
    """Something with a name of its own in an assets folder."""

    @property
    def name(self) -> str:
        """Return its path below the assets folder."""

    def digest(self) -> str:
        """Return what tells its content apart from others'."""

    def place(self, target: Path) -> None:
        """Put it at `target`, where nothing is."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file or a folder that is copied; `linked` for one of the cache, whose files nobody edits."""

    source: Path
    name: str
    linked: bool = False

    def digest(self) -> str:
        """Return the digest of all its files."""
        return tree_digest(self.source)

    def place(self, target: Path) -> None:
        """Copy it with its modes."""
        if self.source.is_dir():
            copy = _link_or_copy if self.linked else shutil.copy2
            shutil.copytree(self.source, target, symlinks=True, copy_function=copy)
        else:
            shutil.copy2(self.source, target)


def project_parts(project: Project, platform: str) -> tuple[Part, ...]:
    """Return what a project wants in the assets folder beside a compiled plugin.

    Raises: InputError when a file is not there, is no program for `platform`, or an image cannot be used.
    """
    config = project.config
    parts: list[Part] = [Copy(_existing(project, name), name) for name in config.run.include]
    if isinstance(config.source, Program):
        path = _existing(project, config.source.path)
        _assert_program(path)
        _assert_machine(path, platform)
        parts.append(Copy(path, PLUGIN_BINARY))
    if config.image is not None:
        if not config.image.archive:
            raise InputError(
                "a host fetches no images from a registry",
                seen=config.image.reference,
                wanted="archive, the image as a file",
                where=str(project.file),
                next_step="docker save it and name the file as archive, or run in containers: `dagger call kms-e-2-e`",
            )
        parts.append(ImagePart(_existing(project, config.image.archive), platform))
    return tuple(parts)


def image_part(parts: tuple[Part, ...]) -> ImagePart | None:
    """Return the image among parts."""
    return next((part for part in parts if isinstance(part, ImagePart)), None)


def taken_programs(parts: tuple[Part, ...]) -> tuple[tuple[str, str], ...]:
    """Return the plugin among parts, a program or an image, with the SHA-256 of its file."""
    program = [part.source for part in parts if isinstance(part, Copy) and part.name == PLUGIN_BINARY]
    image = image_part(parts)
    return tuple((PLUGIN_BINARY, file_digest(path)) for path in [*program, *([image.archive] if image else [])])


def place_parts(parts: tuple[Part, ...], folder: Path) -> None:
    """Put parts into an assets folder in place of what is there under their names.

    Raises: MachineError when it cannot be written.
    """
    for part in parts:
        target = folder / part.name
        try:
            remove(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            part.place(target)
        except OSError as error:
            raise MachineError(
                "a part of the plugin could not be put into the assets folder", seen=str(error), where=str(target)
            ) from error


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest_of(parts: tuple[Part, ...]) -> str:
    """Return the digest of parts with their names."""
    return hashlib.sha256("\n".join(f"{part.name} {part.digest()}" for part in parts).encode()).hexdigest()


def _existing(project: Project, name: str) -> Path:
    path = project.root / name
    if not path.exists():
        raise InputError(
            "a file of the plugin is not there",
            seen=f"no {name}",
            where=f"{project.file}, relative to {project.root}",
            next_step="build the program before, or correct its path",
        )
    return path


def _assert_program(path: Path) -> None:
    if not path.is_file() or not os.access(path, os.X_OK):
        seen = "a folder" if path.is_dir() else "a file without the right to be executed"
        raise InputError(
            "the plugin's program cannot be started",
            seen=seen,
            wanted="an executable file",
            where=str(path),
            next_step=f"chmod +x {path}, or name another file in the table [program]",
        )


def _assert_machine(path: Path, platform: str) -> None:
    """Refuse an ELF program for another machine; a script runs where its interpreter does."""
    machine = elf_machine(path)
    if machine is not None and not is_elf_for(path, platform):
        raise InputError(
            "the plugin's program is for another platform",
            seen=machine_name(machine),
            wanted=platform,
            where=str(path),
            next_step="build it for this platform, or run it on such a machine",
        )


def _link_or_copy(source: str, target: str) -> None:
    """Link a file, which is quick; copy it on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
