"""Compiled programs are kept: used again only unchanged, and only if no other user could
have written them. The compiler is counted, not run: what it makes does not matter here."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.errors import NotPermittedError
from ebpftrace.probe.loading import cache
from ebpftrace.probe.loading.objects import MapShape, Objects

FLAGS = ("-DA=1",)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The flags of each compilation, in order."""
    done: list[tuple[str, ...]] = []

    def compile_programs(flags: tuple[str, ...]) -> Objects:
        done.append(flags)
        return Objects({"map": MapShape(1, 4, 8, len(done), 0)}, {"program": b"code"})

    monkeypatch.setattr(cache, "compile_programs", compile_programs)
    yield done


def test_second_call_does_not_compile(compiled: list[tuple[str, ...]], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    first = cache.cached_programs(FLAGS, folder)
    assert cache.cached_programs(FLAGS, folder) == first
    assert compiled == [FLAGS]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]


def test_other_flags_compile_again(compiled: list[tuple[str, ...]], tmp_path: Path) -> None:
    cache.cached_programs(FLAGS, tmp_path)
    cache.cached_programs(("-DA=2",), tmp_path)
    assert compiled == [FLAGS, ("-DA=2",)]


def test_colliding_file_name_compiles_again(
    compiled: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zlib, "crc32", lambda _data: 7)
    first = cache.cached_programs(FLAGS, tmp_path)
    assert cache.cached_programs(("-DA=2",), tmp_path) != first
    assert len(list(tmp_path.iterdir())) == 1
    assert len(compiled) == 2


def test_changed_sources_compile_again(
    compiled: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "bpf" / "include"
    sources.mkdir(parents=True)
    monkeypatch.setattr(cache, "source_folder", lambda: tmp_path / "bpf")
    for text in ("int a;", "int b;", "int b;"):
        (sources / "types.h").write_text(text)
        cache.cached_programs(FLAGS, tmp_path)
    assert len(compiled) == 2


@pytest.mark.parametrize("kept", [0, 10, -1, -20])
def test_incomplete_file_compiles_again(
    compiled: list[tuple[str, ...]], tmp_path: Path, kept: int
) -> None:
    cache.cached_programs(FLAGS, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    cache.cached_programs(FLAGS, tmp_path)
    cache.cached_programs(FLAGS, tmp_path)
    assert len(compiled) == 2


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_file_that_others_may_write_is_not_read(
    compiled: list[tuple[str, ...]], tmp_path: Path, mode: int
) -> None:
    cache.cached_programs(FLAGS, tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(mode)
    cache.cached_programs(FLAGS, tmp_path)
    assert len(compiled) == 2


def test_folder_that_others_may_write_is_not_used(
    compiled: list[tuple[str, ...]], tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    cache.cached_programs(FLAGS, tmp_path)
    cache.cached_programs(FLAGS, tmp_path)
    assert len(compiled) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_not_read(
    compiled: list[tuple[str, ...]], tmp_path: Path
) -> None:
    cache.cached_programs(FLAGS, tmp_path)
    (file,) = tmp_path.iterdir()
    os.chown(file, 65534, 65534)
    cache.cached_programs(FLAGS, tmp_path)
    assert len(compiled) == 2


def test_unwritable_folder_compiles_each_time(
    compiled: list[tuple[str, ...]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    cache.cached_programs(FLAGS, tmp_path / "file" / "cache")
    assert compiled == [FLAGS]


def test_oldest_files_are_removed(compiled: list[tuple[str, ...]], tmp_path: Path) -> None:
    for number in range(20):
        cache.cached_programs((f"-DA={number}",), tmp_path)
    assert len(list(tmp_path.iterdir())) == 16
    cache.cached_programs(("-DA=19",), tmp_path)
    assert len(compiled) == 20


def test_environment_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBPFTRACE_CACHE_DIR", "/elsewhere")
    assert cache.default_folder() == Path("/elsewhere")


def test_default_folder_is_of_the_system_for_root_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EBPFTRACE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ci/.cache")
    for uid, folder in ((0, "/var/cache/ebpftrace"), (1000, "/home/ci/.cache/ebpftrace")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert cache.default_folder() == Path(folder)


def test_programs_made_ahead_must_be_kept(
    compiled: list[tuple[str, ...]], tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    cache.cached_programs(FLAGS, folder, must_keep=True)
    cache.cached_programs(FLAGS, folder, must_keep=True)
    assert compiled == [FLAGS]
    folder.chmod(0o777)
    with pytest.raises(NotPermittedError, match="would not be used"):
        cache.cached_programs(FLAGS, folder, must_keep=True)
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        cache.cached_programs(FLAGS, tmp_path / "file", must_keep=True)
