"""A ring buffer is read in order, in slices, and around its end.

The kernel's side is a file in memory, written as kernel/bpf/ringbuf.c does.
"""

import os
import struct
from collections.abc import Iterator

import pytest

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading import ring as module
from ebpftrace.probe.loading.ring import Ring
from ebpftrace.units import NS_PER_SECOND, PAGE_SIZE

SIZE = 4096
BUSY, DISCARDED = 1 << 31, 1 << 30


class Kernel:
    """The kernel's side of a ring buffer, and what the callback was given."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.ftruncate(self.fd, 2 * PAGE_SIZE + SIZE)
        self.position = 0
        self.received: list[bytes] = []

    def begin_at(self, position: int) -> None:
        """As if so many bytes had been written and read before."""
        self.position = position
        for page in (0, PAGE_SIZE):
            os.pwrite(self.fd, struct.pack("=Q", position), page)

    def write(self, data: bytes, flags: int = 0) -> int:
        """A record; its position."""
        at = self.position
        record = struct.pack("=II", len(data) | flags, 0) + data
        for offset, byte in enumerate(record):
            os.pwrite(self.fd, bytes((byte,)), 2 * PAGE_SIZE + (at + offset) % SIZE)
        self.position += -(-len(record) // 8) * 8
        os.pwrite(self.fd, struct.pack("=Q", self.position), PAGE_SIZE)
        return at

    def finish(self, at: int, length: int, flags: int = 0) -> None:
        """A record that was being written is complete."""
        os.pwrite(self.fd, struct.pack("=I", length | flags), 2 * PAGE_SIZE + at % SIZE)

    @property
    def read_to(self) -> int:
        """How far the reader says that it has read."""
        return int(struct.unpack("=Q", os.pread(self.fd, 8, 0))[0])


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setattr(module, "map_shape", lambda _fd: (27, 0, 0, SIZE, 0))
    kernel = Kernel()
    yield kernel
    os.close(kernel.fd)


@pytest.fixture
def ring(kernel: Kernel) -> Iterator[Ring]:
    ring = Ring("records", kernel.fd, kernel.received.append)
    yield ring
    ring.close()
    ring.close()


def drain(ring: Ring, records: int = 1000, ns: int = 1000 * NS_PER_SECOND) -> None:
    ring.drain(records, ns)


def test_records_are_read_in_order_and_once(kernel: Kernel, ring: Ring) -> None:
    for text in (b"first", b"second, longer", b"12345678"):
        kernel.write(text)
    drain(ring)
    assert kernel.received == [b"first", b"second, longer", b"12345678"]
    assert ring.caught_up
    assert kernel.read_to == ring.consumed == ring.produced == kernel.position
    drain(ring)
    assert len(kernel.received) == 3


@pytest.mark.parametrize("before", [SIZE - 8, SIZE - 16, SIZE - 24, 7 * SIZE - 64, 2**40 - 16])
def test_record_around_the_end_is_whole(kernel: Kernel, before: int) -> None:
    kernel.begin_at(before)
    ring = Ring("records", kernel.fd, kernel.received.append)
    written = [bytes(range(n, n + 40)) for n in range(3)]
    for data in written:
        kernel.write(data)
    drain(ring)
    assert kernel.received == written
    assert kernel.read_to == kernel.position
    ring.close()


def test_slice_ends_after_so_many_records(kernel: Kernel, ring: Ring) -> None:
    for n in range(5):
        kernel.write(bytes((n,)))
    drain(ring, records=2)
    assert (kernel.received, ring.caught_up) == ([b"\0", b"\1"], False)
    drain(ring)
    assert (len(kernel.received), ring.caught_up) == (5, True)


def test_slice_ends_after_its_time_and_reads_one_at_least(kernel: Kernel, ring: Ring) -> None:
    for n in range(3):
        kernel.write(bytes((n,)))
    for read in range(1, 4):
        drain(ring, ns=0)
        assert len(kernel.received) == read


def test_record_that_is_being_written_is_waited_for(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"done")
    at = kernel.write(b"half", BUSY)
    kernel.write(b"later")
    drain(ring)
    assert kernel.received == [b"done"]
    assert ring.caught_up
    assert kernel.read_to == at
    kernel.finish(at, 4)
    drain(ring)
    assert kernel.received == [b"done", b"half", b"later"]


def test_discarded_records_are_passed_over(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"no", DISCARDED)
    kernel.write(b"yes")
    kernel.write(b"neither", DISCARDED)
    drain(ring)
    assert kernel.received == [b"yes"]
    assert kernel.read_to == kernel.position


def test_ring_that_cannot_be_mapped_is_an_error(kernel: Kernel) -> None:
    os.ftruncate(kernel.fd, 0)
    reader, writer = os.pipe()
    try:
        with pytest.raises(ProbeError, match="the ring buffer records cannot be mapped"):
            Ring("records", reader, kernel.received.append)
    finally:
        os.close(reader)
        os.close(writer)
