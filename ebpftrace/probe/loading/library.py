"""bcc's library, for what bpf(2) alone does not do; hides what libraries write."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator

from ebpftrace.errors import NoBccError
from ebpftrace.probe.loading.compiler import PACKAGES

# bcc's part without the compiler: a small library of its own since bcc 0.6, part of the
# large one before.
_LIBRARIES = ("libbcc_bpf.so.0", "libbcc.so.0")


def bcc_library() -> ctypes.CDLL:
    """NoBccError if it is not installed."""
    for name in _LIBRARIES:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name, use_errno=True)
    raise NoBccError(
        "bcc's library is not installed",
        why=f"there is no {' and no '.join(_LIBRARIES)}",
        fix=PACKAGES,
    )


@contextlib.contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """Hide what LLVM, bcc and libbpf write to stdout and stderr.

    Yields a function that returns the last kilobytes of what was written, for an error.
    """
    libc = ctypes.CDLL(None)
    with os.fdopen(os.memfd_create("ebpftrace-output"), "r+b") as sink:
        sys.stdout.flush()
        saved = [(fd, os.dup(fd)) for fd in (1, 2)]
        for fd, _copy in saved:
            os.dup2(sink.fileno(), fd)

        def output() -> str:
            libc.fflush(None)
            size = sink.seek(0, os.SEEK_END)
            sink.seek(max(0, size - 2000))
            return sink.read().decode("utf-8", "replace").strip()

        try:
            yield output
        finally:
            libc.fflush(None)  # or libc would write it later, between our own lines
            for fd, copy in saved:
                os.dup2(copy, fd)
                os.close(copy)
