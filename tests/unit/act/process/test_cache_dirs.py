"""Cache directories, from the environment of a process."""

from pathlib import Path

from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, CacheDir, cache_dirs_of
from ebpftrace.host.using import file_id
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


def test_process_that_is_gone_has_none(tmp_path: Path) -> None:
    assert cache_dirs_of(7, tmp_path) == NO_CACHE_DIRS
