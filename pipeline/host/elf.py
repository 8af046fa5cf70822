"""Which machine a program was made for, from the first bytes of its file.

Source: the ELF specification, and elf.h: the magic bytes, and e_machine at byte 18.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MAGIC: Final = b"\x7fELF"
_MACHINES: Final = {"linux/amd64": 62, "linux/arm64": 183}
_MACHINE_AT: Final = 18


def elf_machine(program: Path) -> int | None:
    """Return e_machine of a program, None for a file that is no ELF, such as a script."""
    with program.open("rb") as file:
        head = file.read(_MACHINE_AT + 2)
    return int.from_bytes(head[_MACHINE_AT:], "little") if head.startswith(_MAGIC) else None


def is_elf_for(program: Path, platform: str) -> bool:
    """Tell whether a program is an ELF file for a platform such as `linux/amd64`."""
    return platform in _MACHINES and elf_machine(program) == _MACHINES[platform]


def machine_name(machine: int) -> str:
    """Return the platform of an e_machine, or its number for one that is not known here."""
    return next((name for name, number in _MACHINES.items() if number == machine), f"e_machine {machine}")
