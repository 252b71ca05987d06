import sys

import pytest

from ebpftrace.host.reading.arguments import READ_BYTES, arguments
from ebpftrace.units import KIB


def test_arguments_end_with_nul_and_may_be_empty() -> None:
    assert arguments(b"") == ()
    assert arguments(b"sh\0-c\0\0") == ("sh", "-c", "")
    assert arguments(b"cut") == ("cut",)


@pytest.mark.parametrize(
    "arg", ["a", "x" * 256, "\U0001f600" + "x" * 240, "\x1b" * 60 + "\U0001f600"]
)
def test_arguments_are_kept_up_to_8_kib_of_memory(arg: str) -> None:
    raw = b"first\0" + (arg.encode() + b"\0") * READ_BYTES
    args = arguments(raw[:READ_BYTES])
    assert (args[0], args[-1]) == ("first", "…")
    assert 6 * KIB < sum(map(sys.getsizeof, args)) <= 8 * KIB + sys.getsizeof("…")
