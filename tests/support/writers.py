"""Writes to the memory of another process, as a debugger does; the writer is this process."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from tests.support.workload import PAGE

Writer = Callable[[int, int, int], None]
"""Takes a pid, an address and how many pages to write there."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Part(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def write_by_file(pid: int, address: int, pages: int) -> None:
    """By /proc/PID/mem. OSError where the process has ended."""
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        for page in range(pages):
            os.pwrite(memory.fileno(), b"x", address + page * PAGE)


def write_by_call(pid: int, address: int, pages: int) -> None:
    """By process_vm_writev(2). OSError where the process has ended."""
    byte = ctypes.create_string_buffer(b"x")
    ours = _Part(ctypes.cast(byte, ctypes.c_void_p), 1)
    for page in range(pages):
        theirs = _Part(address + page * PAGE, 1)
        if _libc.process_vm_writev(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


WRITERS = (write_by_file, write_by_call)
