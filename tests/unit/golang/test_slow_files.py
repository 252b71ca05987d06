"""Executables made to be slow to read cost some milliseconds each, and no more than 1 MiB."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.golang import buildinfo
from ebpftrace.golang.elf import READ_LIMIT
from tests.support.effort import effort_of
from tests.support.elfs import program
from tests.support.slow_elfs import SLOW_ELFS

MOST_STEPS = 20_000
MOST_CALLS = 100


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that each read of a file returned."""
    real, sizes = os.pread, []

    def counted(fd: int, size: int, offset: int) -> bytes:
        raw = real(fd, size, offset)
        sizes.append(len(raw))
        return raw

    monkeypatch.setattr(os, "pread", counted)
    return sizes


@pytest.mark.parametrize("make", SLOW_ELFS.values(), ids=SLOW_ELFS)
@pytest.mark.parametrize("read", [buildinfo.read_go_program, buildinfo.read_main_version])
def test_slow_file_costs_little(
    tmp_path: Path,
    make: Callable[[], bytes],
    read: Callable[[Path], object],
    reads: list[int],
) -> None:
    file = tmp_path / "slow"
    file.write_bytes(make())
    effort = effort_of(lambda: read(file))
    assert effort.steps < MOST_STEPS
    assert effort.peak_bytes <= 1 << 20
    assert sum(reads) <= READ_LIMIT
    assert len(reads) <= MOST_CALLS


def test_slow_file_is_no_go_program(tmp_path: Path) -> None:
    for make in (SLOW_ELFS["misplaced_magic"], SLOW_ELFS["nearly_magic"]):
        (tmp_path / "slow").write_bytes(make())
        assert buildinfo.read_go_program(tmp_path / "slow") is None


def test_sparse_file_costs_no_more_than_another(tmp_path: Path, reads: list[int]) -> None:
    """A file of 8 TiB that takes no space: its only segment is all of it."""
    raw = bytearray(program("go1.20", "path\tone\n", sections=False))
    raw[64 + 8 : 64 + 16] = (0x1000000).to_bytes(8, "little")  # the offset of its segment
    raw[64 + 32 : 64 + 40] = (1 << 43).to_bytes(8, "little")  # and its size
    file = tmp_path / "sparse"
    file.write_bytes(raw)
    with file.open("r+b") as opened:
        try:
            opened.truncate(1 << 43)
        except OSError:
            opened.truncate(1 << 38)
    effort = effort_of(lambda: buildinfo.read_go_program(file))
    assert effort.result is None
    assert sum(reads) <= READ_LIMIT and effort.peak_bytes <= 1 << 20


def test_build_info_of_a_large_program_is_within_the_bounds(
    tmp_path: Path, reads: list[int]
) -> None:
    """2,000 dependencies; Kubernetes has about 200."""
    deps = "".join(
        f"dep\texample.com/d{index}\tv1.2.3\th1:{'x' * 43}=\n" for index in range(2000)
    )
    file = tmp_path / "large"
    file.write_bytes(program("go1.22", f"path\tlarge\nmod\texample.com\tv9.9.9\t\n{deps}"))
    assert buildinfo.read_main_package(file) == "large"
    assert buildinfo.read_main_version(file) == "v9.9.9"
    assert sum(reads) < READ_LIMIT
