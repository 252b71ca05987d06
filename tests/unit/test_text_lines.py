"""Names that others choose make no lines of their own."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ebpftrace.host import proc
from ebpftrace.probe.watchdog import is_stopped
from ebpftrace.text import lines

SPLIT_BY_STR = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
NAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode("latin-1"), 0, 0, 0)
print(flush=True)
sys.stdin.read()
"""


def test_only_newlines_split() -> None:
    raw = f"one{SPLIT_BY_STR}two\nthree\n".encode()
    assert lines(raw) == [f"one{SPLIT_BY_STR}two".encode(), b"three"]


@pytest.mark.parametrize("raw", [b"", b"\n", b"a", b"a\n", b"a\n\nb\n"])
def test_the_rest_is_as_of_splitlines(raw: bytes) -> None:
    assert lines(raw) == raw.splitlines()


@pytest.fixture(params=["a\rSigPnd:\tx", "a\rShdPnd:\tff", "a\rVmHWM: 9 kB", "x kB"])
def named(request: pytest.FixtureRequest) -> Iterator[int]:
    """A process with such a name."""
    argv = [sys.executable, "-c", NAMED, request.param]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


def test_name_of_a_process_is_no_line_of_its_status(named: int) -> None:
    stat, status = proc.read_stat(named), proc.read_status(named)
    assert stat is not None
    assert status is not None
    assert not proc.is_dying(named)
    assert not is_stopped(named, stat.start_boottime_ns)
    assert status.peak_resident_bytes > 9 << 10
