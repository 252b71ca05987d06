"""The heap of the C library, which keeps freed pages, and Python's garbage collector."""

import ctypes
import gc


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
    again while they are imported, a tenth of the time that takes.
    """
    gc.freeze()
    gc.enable()
