"""An entry of the store is complete and its digest right, or it does not exist."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import MachineError
from pipeline.host import trim
from pipeline.host.cache import BinaryCache, Entry, place, write_atomically
from pipeline.host.paths import CachePaths
from pipeline.host.progress import Silent
from pipeline.host.source import file_digest
from pipeline.host.trim import trim_caches, trim_compiled

KEY = "k" * 64


@pytest.fixture
def cache(tmp_path: Path) -> BinaryCache:
    paths = CachePaths(tmp_path / "cache")
    paths.make()
    return BinaryCache(paths)


def stored(cache: BinaryCache, content: bytes = b"binary", key: str = KEY) -> Entry:
    binary = cache.paths.temporary / "out"
    binary.write_bytes(content)
    entry = Entry(key, "etcd", file_digest(binary), len(content), "go1.26.10", modules=("example.com/x@v1.0.0 h1:x=",))
    return cache.store(binary, entry)


def test_what_was_stored_is_found(cache: BinaryCache) -> None:
    entry = stored(cache)
    assert cache.find(KEY) == entry
    assert cache.path(entry).read_bytes() == b"binary"
    assert os.access(cache.path(entry), os.X_OK)
    assert not list(cache.paths.temporary.iterdir())


def test_another_key_is_not_found(cache: BinaryCache) -> None:
    stored(cache)
    assert cache.find("other") is None


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "no entry", "half an entry", "other entry", "mode"])
def test_a_damaged_entry_is_absent_and_heals(cache: BinaryCache, damage: str) -> None:
    entry = stored(cache)
    folder, binary = cache.path(entry).parent, cache.path(entry)
    binary.chmod(0o755)
    match damage:
        case "truncate":
            os.truncate(binary, 3)
        case "flip":
            binary.write_bytes(b"Binary")
        case "remove":
            binary.unlink()
        case "no entry":
            (folder / "entry.json").unlink()
        case "half an entry":
            os.truncate(folder / "entry.json", 20)
        case "other entry":
            folder.rename(folder.with_name("z" * 64))
            folder.with_name("z" * 64).rename(folder.with_name("y" * 64))
        case _:
            binary.chmod(0o644)
    assert cache.find("y" * 64 if damage == "other entry" else KEY) is None
    assert stored(cache) == cache.find(KEY)


def test_an_assets_folder_shares_the_bytes_with_the_store(cache: BinaryCache, tmp_path: Path) -> None:
    entry = stored(cache)
    target = tmp_path / "etcd"
    target.write_text("an older one")
    place(cache.path(entry), target)
    place(cache.path(entry), target)
    assert target.samefile(cache.path(entry))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".etcd")] == []


def test_another_file_system_gets_a_copy(cache: BinaryCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    entry = stored(cache)
    place(cache.path(entry), tmp_path / "etcd")
    assert (tmp_path / "etcd").read_bytes() == b"binary"
    assert os.access(tmp_path / "etcd", os.X_OK)


def test_a_folder_that_is_missing_is_a_machine_error(cache: BinaryCache, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="assets folder"):
        place(cache.path(stored(cache)), tmp_path / "no" / "etcd")


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_used_longest_ago_is_removed_first(cache: BinaryCache) -> None:
    for number, key in enumerate(("a", "b", "c", "d")):
        stored(cache, b"x" * 1000, key * 64)
        os.utime(cache.paths.binaries / (key * 64), (number, number))
    assert cache.trim({"a" * 64}, limit_bytes=3000) == 1
    assert sorted(folder.name[0] for folder in cache.paths.binaries.iterdir()) == ["a", "c", "d"]


def test_what_was_used_within_the_hour_stays(cache: BinaryCache) -> None:
    stored(cache, b"x" * 1000)
    assert cache.trim(set(), limit_bytes=0) == 0
    assert cache.find(KEY) is not None


def test_compiled_packages_are_trimmed_by_size_oldest_first(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / "0a" / f"{number}-d"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    (tmp_path / "README").write_text("stays")
    assert trim_compiled(tmp_path, 800) == 0
    assert trim_compiled(tmp_path, 700) == 300
    assert sorted(path.name for path in (tmp_path / "0a").iterdir()) == [f"{number}-d" for number in range(3, 8)]


def test_go_s_caches_are_looked_at_once_a_day_or_when_they_have_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = CachePaths(tmp_path)
    paths.make()
    looked: list[Path] = []

    def look(folder: Path, _limit_bytes: int) -> int:
        looked.append(folder)
        return 0

    monkeypatch.setattr(trim, "trim_compiled", look)
    for grown in (False, False, True):
        trim_caches(paths, set(), Silent(), grown=grown)
    assert looked == [paths.compiled, paths.compiled]
    os.utime(paths.locks / "looked-at", (0, 0))
    trim_caches(paths, set(), Silent(), grown=False)
    assert len(looked) == 3
