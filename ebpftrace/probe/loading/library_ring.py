"""A ring buffer that libbpf reads, with the barriers that this CPU needs; see `ring.py`."""

import ctypes
import mmap
import time
from collections.abc import Callable

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading.ring import Positions
from ebpftrace.units import PAGE_SIZE

_SAMPLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_MORE, _ENOUGH = 0, -1  # what the callback returns to libbpf


class LibraryRing(Positions):
    """Passes each record of the ring buffer to `callback`. ProbeError if it cannot be mapped.

    `fd` is the map's; it is readable when there are records.
    """

    def __init__(
        self, library: ctypes.CDLL, name: str, fd: int, callback: Callable[[bytes], None]
    ) -> None:
        self.fd = fd
        self.caught_up = True
        """Whether the last `drain` read everything that there was."""
        self._records = self._until_ns = 0

        def received(_context: object, data: int, size: int) -> int:
            callback(ctypes.string_at(data, size))
            self._records -= 1
            if self._records > 0 and time.monotonic_ns() < self._until_ns:
                return _MORE
            self.caught_up = False
            return _ENOUGH

        self._callback = _SAMPLE(received)  # the library keeps no reference to it
        library.bpf_new_ringbuf.restype = ctypes.c_void_p
        library.bpf_new_ringbuf.argtypes = (ctypes.c_int, _SAMPLE, ctypes.c_void_p)
        for function in (library.bpf_consume_ringbuf, library.bpf_free_ringbuf):
            function.argtypes = (ctypes.c_void_p,)
        self._consume, self._free = library.bpf_consume_ringbuf, library.bpf_free_ringbuf
        self._ring = library.bpf_new_ringbuf(fd, self._callback, None)
        if not self._ring:
            raise ProbeError(f"the ring buffer {name} cannot be mapped")
        # A page with the reader's position, then one with the kernel's.
        self._memory = mmap.mmap(fd, 2 * PAGE_SIZE, mmap.MAP_SHARED, mmap.PROT_READ)

    def drain(self, records: int, ns: int) -> None:
        """Pass on so many records at most, for so many nanoseconds; one at least."""
        self._records, self._until_ns = records, time.monotonic_ns() + ns
        self.caught_up = True
        self._consume(self._ring)

    def close(self) -> None:
        """A second call does nothing."""
        if self._ring is not None:
            self._memory.close()
            self._free(self._ring)
            self._ring = None
