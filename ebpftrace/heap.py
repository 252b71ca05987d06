"""The C library's heap: what was freed is not yet given back."""

import ctypes


def trim() -> None:
    """Return the free pages of the heap to the kernel, where the C library can (glibc).

    Python's own small objects are in arenas of their own, which it frees by itself.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
