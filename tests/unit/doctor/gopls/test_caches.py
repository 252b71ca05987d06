"""File caches: their sizes, those of a job alone, and users with several."""

import os
from pathlib import Path

import pytest

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.gopls.caches import CacheSize, cache_size, check_caches, is_of_job
from ebpftrace.doctor.gopls.patience import PatientReader
from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.units import MIB


def process(
    variables: dict[str, str] | None = None, *, user: int = 1000, pid: int = 7
) -> GoplsProcess:
    set_ones = {"HOME": "/h", **(variables or {})}
    return GoplsProcess(pid, user, "v0.24.0", MIB, "/ci", None, None, ("gopls",), set_ones)


def check(*processes: GoplsProcess, size: CacheSize | None = None) -> list[CheckResult]:
    return list(check_caches(processes, lambda _process, _reader: size, lambda: 1000.0))


def test_each_cache_has_a_line() -> None:
    size = CacheSize(412 * MIB, 3201, 880.0)
    (one,) = check(process(), process(pid=8), size=size)
    assert one.state is CheckState.OK
    assert one.seen == "file cache /h/.cache/gopls: 412 MiB in 3,201 files, written 2m00s ago"
    (more,) = check(process(), size=CacheSize(MIB, 1, 999.0, more=True))
    assert "at least 1.0 MiB in 1 file, written 1.0s ago" in more.seen
    (empty,) = check(process(), size=CacheSize(0, 0, 0.0))
    assert empty.seen == "file cache /h/.cache/gopls is empty"
    assert check(process()) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"GOPLSCACHE": "/ci/_temp/x", "RUNNER_TEMP": "/ci/_temp/"},
        {"GOPLSCACHE": "/tmp/tmp.aB3dE5fG7h"},
        {"TMPDIR": "/jobs/7", "XDG_CACHE_HOME": "/jobs/7"},
    ],
)
def test_a_cache_that_ends_with_its_job(variables: dict[str, str]) -> None:
    assert is_of_job(process(variables))
    (one,) = check(process(variables))
    assert one.state is CheckState.WARNING
    assert "2,001 MiB" in one.why


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RUNNER_TEMP": "/ci/_temp", "GOPLSCACHE": "/ci/_temporary"},
        {"TMPDIR": "/tmp", "GOPLSCACHE": "/tmp/gopls"},
    ],
)
def test_other_caches(variables: dict[str, str]) -> None:
    assert not is_of_job(process(variables))


def test_users_with_several_file_caches() -> None:
    own = {"GOPLSCACHE": "/a"}
    (one,) = check(process(), process(own), process(own, user=8))
    assert one.seen == "the gopls of user 1000 have 2 file caches: /a, /h/.cache"


def test_a_cache_is_read_as_the_process_sees_it(tmp_path: Path) -> None:
    ours = process({"GOPLSCACHE": str(tmp_path)}, pid=os.getpid())
    assert cache_size(ours, PatientReader()) is None
    (tmp_path / "gopls/1a/2b").mkdir(parents=True)
    (tmp_path / "gopls/1a/2b/entry").write_bytes(b"x" * 8192)
    os.utime(tmp_path / "gopls/1a/2b/entry", (5, 5))
    (tmp_path / "gopls/link").symlink_to("/")
    size = cache_size(ours, PatientReader())
    assert size is not None
    assert (size.files, size.more) == (2, False)
    assert size.newest_s > 5
    assert cache_size(process({"GOPLSCACHE": "off"}, pid=os.getpid()), PatientReader()) is None
