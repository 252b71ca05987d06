"""Cache directories, from the environment of a process."""

import threading
from pathlib import Path

import pytest

from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, CacheDir, cache_dirs_of
from ebpftrace.host import bounded
from ebpftrace.host.bounded import BoundedReader
from ebpftrace.host.using import FileId, file_id
from tests.support.fakeroot import FakeRoot


def test_variables_name_folders_below_the_root_of_the_process(tmp_path: Path) -> None:
    cache = tmp_path / "container/cache"
    cache.mkdir(parents=True)
    fake = FakeRoot(tmp_path)
    variables = {"GOCACHE": "/cache", "GOPLSCACHE": "relative", "TMPDIR": "/gone"}
    fake.process(7, 5, environ=variables)
    fake.process(5, 1)
    (fake.proc / "7/root").symlink_to(tmp_path / "container")
    found = cache_dirs_of(7, fake.proc)
    assert found.folders == (CacheDir("GOCACHE", "/cache", file_id(cache) or (0, 0)),)
    assert found.user == (fake.proc / "7").stat().st_uid
    assert [key.pid for key in found.ancestors] == [5]


def test_folder_whose_file_system_hangs_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(7, 1, environ={"GOCACHE": "/hangs", "TMPDIR": "/cache"})
    (fake.proc / "7/root").symlink_to(tmp_path)
    (tmp_path / "cache").mkdir()
    release = threading.Event()

    def hang(path: str) -> FileId | None:
        if path.endswith("/hangs"):
            release.wait()
        return file_id(path)

    monkeypatch.setattr("ebpftrace.act.process.cache_dirs.file_id", hang)
    reader = BoundedReader(lambda _thread: not release.is_set(), 0.001)
    monkeypatch.setattr(bounded, "_FILE_READER", reader)
    try:
        assert cache_dirs_of(7, fake.proc).folders == ()
        assert reader.timeouts == 2  # its second folder was not tried
    finally:
        release.set()


def test_process_that_is_gone_has_none(tmp_path: Path) -> None:
    assert cache_dirs_of(7, tmp_path) == NO_CACHE_DIRS
