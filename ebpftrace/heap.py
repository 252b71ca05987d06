"""The heap of the C library, which keeps freed pages."""

import ctypes


def trim() -> None:
    """Return the free pages of the heap to the kernel, if the C library can (glibc).

    Python frees the arenas of its small objects itself.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
