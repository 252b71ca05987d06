"""A ring buffer, read in slices: what is not read stays in it.

libbpf maps the data twice, so that no record is in two parts: twice its size counts as memory
of the watch, and libbcc and what it needs do as well. Here it is mapped once, and read as the
kernel's Documentation/bpf/ringbuf.rst has it. Python has no memory barriers, so this is only
for CPUs that need none where one side writes and the other reads.
"""

import ctypes
import mmap
import struct
import time
from collections.abc import Callable

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading.bpf.maps import map_shape
from ebpftrace.units import PAGE_SIZE

_POSITION, _HEADER = struct.Struct("=Q"), struct.Struct("=I")
_HEADER_BYTES = 8
_BUSY, _DISCARDED = 1 << 31, 1 << 30
_DATA = 2 * PAGE_SIZE  # after a page with the reader's position, and one with the kernel's


class Positions:
    """How far the two sides of a ring buffer are, from a mapping of it."""

    _memory: mmap.mmap

    @property
    def produced(self) -> int:
        """Bytes that were ever written to it."""
        return int(_POSITION.unpack_from(self._memory, PAGE_SIZE)[0])

    @property
    def consumed(self) -> int:
        """Bytes that were ever read from it."""
        return int(_POSITION.unpack_from(self._memory)[0])


class Ring(Positions):
    """Passes each record of the ring buffer to `callback`. ProbeError if it cannot be mapped.

    `fd` is the map's; it is readable when there are records.
    """

    def __init__(self, name: str, fd: int, callback: Callable[[bytes], None]) -> None:
        self.fd = fd
        self.caught_up = True
        """Whether the last `drain` read everything that there was."""
        self._callback = callback
        self._size = map_shape(fd)[3]
        try:
            self._own_page = mmap.mmap(fd, PAGE_SIZE)
            self._memory = mmap.mmap(fd, _DATA + self._size, mmap.MAP_SHARED, mmap.PROT_READ)
        except OSError as error:
            raise ProbeError(
                f"the ring buffer {name} cannot be mapped", why=error.strerror or ""
            ) from None
        self._position: ctypes.c_uint64 | None = ctypes.c_uint64.from_buffer(self._own_page)

    def drain(self, records: int, ns: int) -> None:
        """Pass on so many records at most, for so many nanoseconds; one at least."""
        until_ns = time.monotonic_ns() + ns
        self.caught_up = True
        if self._position is None:
            return
        at = self._position.value
        while at < self.produced:
            (header,) = _HEADER.unpack_from(self._memory, _DATA + at % self._size)
            if header & _BUSY:
                return  # a program is writing it; the kernel reports when it is done
            length = header & ~_DISCARDED
            data = b"" if header & _DISCARDED else self._read(at + _HEADER_BYTES, length)
            at += -(-(_HEADER_BYTES + length) // 8) * 8
            self._position.value = at  # from here on the kernel may write there
            if header & _DISCARDED:
                continue
            self._callback(data)
            records -= 1
            if records <= 0 or time.monotonic_ns() >= until_ns:
                self.caught_up = False
                return

    def close(self) -> None:
        """A second call does nothing."""
        if self._position is not None:
            self._position = None  # a mapping that is referred to cannot be closed
            self._own_page.close()
            self._memory.close()

    def _read(self, at: int, length: int) -> bytes:
        """A copy of these bytes, whose rest may be at the beginning."""
        begin = at % self._size
        end = begin + length
        data = self._memory[_DATA + begin : _DATA + min(end, self._size)]
        return (
            data if end <= self._size else data + self._memory[_DATA : _DATA + end - self._size]
        )
