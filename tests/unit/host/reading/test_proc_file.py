import re
from pathlib import Path

import pytest

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.reading.proc_file import (
    matching_lines,
    not_permitted,
    proc_chunks,
    read_proc_file,
)
from ebpftrace.units import KIB


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "long").write_bytes(bytes(200 * KIB))
    return tmp_path


def test_a_file_is_read_up_to_its_limit(proc: Path) -> None:
    assert read_proc_file(proc, 7, "long", 100 * KIB) == bytes(100 * KIB)
    assert read_proc_file(proc, 7, "long", 1 << 20) == bytes(200 * KIB)
    assert len(read_proc_file(proc, 7, "long") or b"") == 64 * KIB


def test_pieces_are_small_and_the_last_one_is_cut(proc: Path) -> None:
    sizes = [len(chunk) for chunk in proc_chunks(proc, 7, "long", 150 * KIB)]
    assert sum(sizes) == 150 * KIB and max(sizes) <= 64 * KIB


def test_a_process_that_ended_has_no_files(proc: Path) -> None:
    assert read_proc_file(proc, 8, "long") is None
    with pytest.raises(FileNotFoundError):
        next(proc_chunks(proc, 8, "long", 1))


def test_a_file_that_may_not_be_read_is_named() -> None:
    error = not_permitted("/proc/7/environ")
    assert isinstance(error, NotPermittedError) and "/proc/7/environ" in error.what


def test_lines_match_wherever_the_pieces_are_cut() -> None:
    raw = b"A: 1\nlong " + b"x" * 999 + b"B: 2\nC: 3\nD: 4 5\nE: 6"
    pattern = re.compile(rb"^(\w): ([0-9])$", re.MULTILINE)
    for size in (1, 2, 3, 7, 64, 300, 1000, 2000):
        chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
        found = [match[1] for match in matching_lines(pattern, chunks)]
        assert found == [b"A", b"C", b"E"], size
