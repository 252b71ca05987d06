"""The memory that a watch takes itself: its heap, and its bound.

The bound is held in two ways. The tables of the kernel programs, of which each job has a quota,
have room for as many processes and cgroups as fit below it. And where the resident memory
reaches it all the same, no further process is watched until there is room.
"""

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator

from ebpftrace.units import KIB, MIB, format_bytes

_OWN_BYTES = 64 * MIB
_PROCESS_BYTES, _JOB_BYTES = 40 * KIB, 120 * KIB
"""What a watch takes by itself, with all its options, and for each process and for each job
that have grown and shrunk every second for a quarter of an hour, with names as long as can be:
`bench kept`. Usual names take three quarters of that, and a process at rest a fifth. Each
process may be a job of its own, also in a cgroup that it shares."""

_PROCESS_STEP = 64
_STEP_BYTES = _PROCESS_STEP * (_PROCESS_BYTES + _JOB_BYTES)
_SIZES = (65_536, 16_384, 8192)
"""Processes that the tables have room for, where more fit than the last of these."""

_SETTLED_LOOKS = 2

LEAST_BYTES = _OWN_BYTES + 8 * MIB
DEFAULT_LEAST_BYTES = _OWN_BYTES + _SIZES[-1] // _PROCESS_STEP * _STEP_BYTES
_DEFAULT_PART = 4  # of the memory


def trim() -> None:
    """Return the free pages of the heap to the kernel, if the C library can (glibc).

    Python frees the arenas of its small objects itself.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def collect_from_now_on() -> None:
    """Let Python collect garbage, but exempt all objects of now: what is imported stays.

    `ebpftrace.__main__` turns the collector off, which would look at every module again and
    again while they are imported, a tenth of the time that takes. A collection now looks at
    nothing, but frees the tuples that Python keeps to use them again: up to 2,000 of each
    length, which thousands of processes leave behind when they are found.
    """
    gc.freeze()
    gc.enable()
    gc.collect()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage meanwhile: that may take a millisecond, and a hook waits."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def default_bound(memory_bytes: int | None) -> int:
    """The bound where none is given, on a machine or in a cgroup with so much memory."""
    return max((memory_bytes or 0) // _DEFAULT_PART, DEFAULT_LEAST_BYTES)


def processes_within(bound_bytes: int) -> int:
    """How many processes the tables are to have room for, and half as many cgroups."""
    steps = max(1, (bound_bytes - _OWN_BYTES) // _STEP_BYTES)
    fits = steps * _PROCESS_STEP
    return next((size for size in _SIZES if size <= fits), fits)


class MemoryBound:
    """Whether there is room for another process, and `refused`, those without.

    `shed` drops what the watch can do without. `read` is the resident memory; it is read where
    it has reached the bound, and where so many processes have started since the last `look` as
    had room then.
    """

    def __init__(
        self,
        bound_bytes: int,
        shed: Callable[[], object] = lambda: None,
        read: Callable[[], int] = lambda: 0,
    ) -> None:
        self.bound_bytes = bound_bytes
        self.refused = 0
        self._shed = shed
        self._read = read
        self._room = _PROCESS_STEP  # processes, until the first look
        self._is_reached = False
        self._is_told = False
        self._looks = 0
        self._fitted = 0  # how many were watched when the bound was not reached

    def look(self, resident_bytes: int, watched: int) -> None:
        """Once a snapshot. `watched` are the processes that are watched now."""
        self._looks += 1
        if self._looks == _SETTLED_LOOKS:  # the files of all cgroups have been read
            gc.collect()  # for the tuples that Python keeps: see `collect_from_now_on`
            trim()
        if resident_bytes >= self.bound_bytes:
            self._shed()
            resident_bytes = self._read()
        self._is_reached = resident_bytes >= self.bound_bytes
        if self._is_reached:
            # Memory that was freed is seldom given back, but it is used again: there is room
            # in the place of those that have ended.
            self._room = self._fitted * 7 // 8 - watched
        else:
            self._fitted = watched
            self._room = max(1, (self.bound_bytes - resident_bytes) // _PROCESS_BYTES)

    def admits(self, watched: int) -> bool:
        """Whether there is room for a process that has started."""
        if self._room <= 0 and not self._is_reached:
            self.look(self._read(), watched)
        if self._room <= 0:
            self.refused += 1
            return False
        self._room -= 1
        return True

    def take_remarks(self) -> list[str]:
        """What the user should know, once."""
        if self._is_told or not self.refused:
            return []
        self._is_told = True
        return [
            f"this watch takes {format_bytes(self.bound_bytes)} of memory, its bound: no "
            "further process is watched until others have ended (--max-memory)"
        ]
