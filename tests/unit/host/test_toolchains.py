from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BuildError
from pipeline.host.toolchains import LOCK, check_toolchain


def test_a_toolchain_with_another_checksum_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "toolchains.lock"
    lock.write_text("# comment\ngo1.26.10 linux/amd64 h1:right=\n", encoding="ascii")
    assert check_toolchain("go1.26.10", "linux/amd64", "h1:right=", lock=lock)
    with pytest.raises(BuildError, match="not the one") as caught:
        check_toolchain("go1.26.10", "linux/amd64", "h1:wrong=", lock=lock)
    assert (caught.value.seen, caught.value.wanted) == ("h1:wrong=", "h1:right=")


def test_what_the_lock_does_not_list_is_not_compared(tmp_path: Path) -> None:
    lock = tmp_path / "toolchains.lock"
    lock.write_text("go1.26.10 linux/amd64 h1:right=\n", encoding="ascii")
    assert not check_toolchain("go1.26.9", "linux/amd64", "h1:wrong=", lock=lock)
    assert not check_toolchain("go1.26.10", "linux/arm64", "h1:wrong=", lock=lock)
    assert not check_toolchain("go1.26.10", "linux/amd64", "", lock=lock)


def test_the_lock_lists_the_toolchain_of_this_project() -> None:
    wanted = f"go{(Path(__file__).parents[3] / '.go-version').read_text(encoding='ascii').strip()}"
    assert f"\n{wanted} linux/amd64 h1:" in LOCK.read_text(encoding="ascii")
