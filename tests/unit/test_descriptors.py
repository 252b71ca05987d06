"""The limit is raised, and the last descriptors are kept free."""

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ebpftrace import descriptors
from ebpftrace.descriptors import (
    RESERVE,
    exhausted,
    hold_spares,
    is_exhausted,
    keep,
    raise_limit,
    release_spares,
    restore_limit,
    when_exhausted,
    with_spares,
)
from ebpftrace.host import cgroups, memstat, pressure
from ebpftrace.host.proc import read_stat
from tests.support.descriptors import no_descriptor_left


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_soft_limit_is_raised_to_the_hard_one(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    with subprocess.Popen(["sleep", "100"]) as child:
        restore_limit(child.pid)
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (hard // 2, hard)
        child.kill()


def test_descriptor_is_kept_unless_it_is_one_of_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fd = os.dup(0)
    monkeypatch.setattr(descriptors, "limit", lambda: fd + RESERVE + 1)
    assert keep(fd) == fd
    monkeypatch.setattr(descriptors, "limit", lambda: fd + RESERVE)
    with pytest.raises(OSError, match="Too many open files"):
        keep(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_want_of_a_descriptor_is_counted() -> None:
    before = exhausted()
    assert is_exhausted(OSError(errno.EMFILE, "too many"))
    assert not is_exhausted(OSError(errno.EACCES, "no"))
    assert exhausted() == before + 1


@pytest.mark.parametrize(
    ("read", "nothing"),
    [
        (lambda folder: memstat.read_contents(folder), None),
        (lambda _folder: memstat.lazy_free_bytes(os.getpid()), None),
        (lambda folder: pressure.read_pressure(folder), None),
        (lambda _folder: cgroups.v1_cgroup(os.getpid(), "memory"), ""),
    ],
    ids=["contents", "lazy-free", "pressure", "cgroup"],
)
def test_reading_without_a_descriptor_is_counted_and_ends_nothing(
    limits: tuple[int, int],
    tmp_path: Path,
    read: Callable[[Path], object],
    nothing: object,
) -> None:
    (tmp_path / "memory.stat").write_text("cache 0\n")
    (tmp_path / "memory.pressure").write_text("some avg10=0.00 total=0\n")
    before = exhausted()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        found = read(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found == nothing
    assert exhausted() == before + 1


def test_other_errors_are_raised() -> None:
    def refused() -> None:
        with when_exhausted():
            raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        refused()


def test_file_is_read_with_spare_descriptors_which_are_then_held_again() -> None:
    hold_spares()
    try:
        with no_descriptor_left(os.getpid()):
            for _ in range(3):
                stat = read_stat(os.getpid())
                assert stat is not None
                assert stat.pid == os.getpid()
                with pytest.raises(OSError, match="Too many open files"):
                    os.dup(0)  # none that others could take
    finally:
        release_spares()


def test_call_fails_if_it_takes_more_than_the_spare_descriptors() -> None:
    def take_many() -> None:
        for _ in range(9):
            taken.append(os.dup(0))

    taken: list[int] = []
    hold_spares()
    try:
        with (
            no_descriptor_left(os.getpid()),
            pytest.raises(OSError, match="Too many open files"),
        ):
            with_spares(take_many)
    finally:
        release_spares()
        for fd in taken:
            os.close(fd)
    assert taken
