from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.build_plan import PLATFORMS
from pipeline.errors import BuildError
from pipeline.host.toolchain_lock import extend, wanted
from pipeline.host.toolchains import check_toolchain, downloaded_checksum, locked_checksums


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


def test_the_checksum_is_the_one_that_the_go_command_wrote(tmp_path: Path) -> None:
    assert downloaded_checksum(tmp_path, "go1.26.10", "linux/arm64") == ""
    path = tmp_path / "cache/download/golang.org/toolchain/@v/v0.0.1-go1.26.10.linux-arm64.ziphash"
    path.parent.mkdir(parents=True)
    path.write_text("h1:it=\n")
    assert downloaded_checksum(tmp_path, "go1.26.10", "linux/arm64") == "h1:it="


def test_every_go_of_the_project_is_locked() -> None:
    locked = locked_checksums()
    own = f"go{(Path(__file__).parents[3] / '.go-version').read_text(encoding='ascii').strip()}"
    assert {(own, platform) for platform in PLATFORMS} <= set(locked)
    missing = {(name, platform) for name, platform in wanted() if platform == "linux/amd64"} - set(locked)
    assert not missing, "run `make lock-toolchains`"


def test_missing_toolchains_are_added_and_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    lock = tmp_path / "toolchains.lock"
    first, gone, *_others = wanted()
    lock.write_text(f"{first[0]} {first[1]} h1:kept=\n", encoding="ascii")

    def ask(name: str, platform: str) -> str:
        if (name, platform) == gone:
            raise BuildError("there is no such toolchain", seen="403 Forbidden")
        return f"h1:{name}-{platform}="

    assert extend(lock, ask) == [f"{gone[0]} {gone[1]}: 403 Forbidden"]
    locked = locked_checksums(lock)
    assert locked[first] == "h1:kept="
    assert set(locked) == set(wanted()) - {gone}
