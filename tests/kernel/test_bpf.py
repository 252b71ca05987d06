"""The bpf(2) system call on the running kernel."""

import os
import struct
from collections.abc import Iterator

import pytest

from ebpftrace.probe.loading import bpf

_HASH = 1
_RETURN_7 = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 7, 0x95, 0, 0, 0)  # r0 = 7; exit


@pytest.fixture
def hash_map() -> Iterator[int]:
    fd = bpf.create_map(_HASH, 4, 8, 512)
    yield fd
    os.close(fd)


def key(number: int) -> bytes:
    return struct.pack("=I", number)


def test_values_are_written_read_and_deleted(hash_map: int) -> None:
    assert bpf.lookup(hash_map, key(1), 8) is None
    bpf.update(hash_map, key(1), b"8 bytes.")
    assert bpf.lookup(hash_map, key(1), 8) == b"8 bytes."
    bpf.delete(hash_map, key(1))
    bpf.delete(hash_map, key(1))
    assert bpf.lookup(hash_map, key(1), 8) is None


def test_shape_of_a_map_makes_another_like_it(hash_map: int) -> None:
    shape = bpf.map_shape(hash_map)
    assert shape[:4] == (_HASH, 4, 8, 512)
    os.close(bpf.create_map(*shape))


@pytest.mark.parametrize("chunk", [1, 7, 256])
def test_batch_reads_every_entry_whatever_its_chunk(hash_map: int, chunk: int) -> None:
    """A bucket does not fit a small chunk (ENOSPC), which grows."""
    for number in range(300):
        bpf.update(hash_map, key(number), struct.pack("=Q", number))
    batch = bpf.Batch(hash_map, 4, 8, chunk)
    for _ in range(2):
        assert dict(batch.items()) == {
            key(number): struct.pack("=Q", number) for number in range(300)
        }


def test_program_runs_on_demand() -> None:
    program = bpf.load(bpf.PROG_RAW_TRACEPOINT, _RETURN_7)
    try:
        assert bpf.run(program, bytes(8)) == 7
        bpf.Runner(program, 2)(1, 2)
        assert bpf.missed_runs(program) == 0
    finally:
        os.close(program)


def test_refusal_is_an_os_error() -> None:
    with pytest.raises(OSError):
        bpf.create_map(_HASH, 0, 8, 1)
