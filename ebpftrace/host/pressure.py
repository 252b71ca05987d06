"""Pressure stall information (PSI) of a memory cgroup v2: readings and triggers.

Source: Documentation/accounting/psi.rst; kernel/sched/psi.c.
"""

import os
import re
import time
from pathlib import Path

from ebpftrace.counters import CgroupPressure
from ebpftrace.descriptors import is_exhausted, keep
from ebpftrace.text import lines

FILE = "memory.pressure"

STALL_NS, WINDOW_NS = 200_000_000, 1_000_000_000
"""A trigger fires when this much time was lost within a window; once a window at most."""

_LIMIT = 1024  # bytes; it has two lines
_LINE = re.compile(
    rb"(some|full) avg10=([0-9]{1,3}\.[0-9]{2}) avg60=[0-9.]+ avg300=[0-9.]+ "
    rb"total=([0-9]{1,20})"
)


def kernel_has_pressure(root: Path = Path("/")) -> bool:
    """Whether this kernel has PSI: it can be compiled out, or disabled at boot (psi=0)."""
    try:
        return bool((root / "proc/pressure/memory").read_bytes())
    except OSError:
        return False


def read_pressure(folder: Path) -> CgroupPressure | None:
    """What it and the cgroups below lost; None on v1, without PSI, or for a removed cgroup."""
    try:
        with (folder / FILE).open("rb") as file:
            raw = file.read(_LIMIT)
    except OSError as error:  # EOPNOTSUPP too: PSI is disabled at boot, or for this cgroup
        is_exhausted(error)
        return None
    shares, totals = {}, {}
    for line in map(_LINE.fullmatch, lines(raw)):
        if line is not None:
            shares[line[1]] = float(line[2]) / 100
            totals[line[1]] = int(line[3]) * 1000
    if b"some" not in totals:
        return None
    return CgroupPressure(
        time_ns=time.monotonic_ns(),
        some_ns=totals[b"some"],
        full_ns=totals.get(b"full", 0),
        some_share=shares[b"some"],
        full_share=shares.get(b"full", 0.0),
    )


def open_trigger(folder: Path) -> int:
    """A descriptor that polls POLLPRI when tasks of the cgroup or below lost time for memory.

    Each poll that reports it also clears it: a descriptor may be in one epoll only, which
    must not be in another. OSError if the kernel refuses: no PSI, no such cgroup.
    """
    fd = keep(os.open(folder / FILE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        os.write(fd, f"some {STALL_NS // 1000} {WINDOW_NS // 1000}\0".encode())
    except OSError:
        os.close(fd)
        raise
    return fd
