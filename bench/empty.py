"""A program that does nothing where ebpftrace has its own: the least that those can cost."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ebpftrace.probe.loading import bpf

HOT_TRACEPOINTS = {
    "rss_stat": "at each page that any process takes or gives back",
    "mmap_lock_released": "at each mmap, munmap and brk of any process",
}
"""The raw tracepoints that fire for what a process does all the time, and when."""

_NOTHING = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit


@contextmanager
def empty_program(*tracepoints: str) -> Iterator[int]:
    """A program that does nothing, on these raw tracepoints; its descriptor."""
    fds = [bpf.load(bpf.PROG_RAW_TRACEPOINT, _NOTHING)]
    try:
        fds += (bpf.attach_raw_tracepoint(fds[0], name) for name in tracepoints)
        yield fds[0]
    finally:
        for fd in fds:
            os.close(fd)
