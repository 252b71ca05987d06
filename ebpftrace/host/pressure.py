"""Pressure stall information (PSI) of a memory cgroup v2: readings and triggers.

Source: Documentation/accounting/psi.rst; kernel/sched/psi.c.
"""

import os
import time
from pathlib import Path

from ebpftrace.counters import CgroupPressure
from ebpftrace.host.descriptors import keep

FILE = "memory.pressure"

STALL_NS, WINDOW_NS = 200_000_000, 1_000_000_000
"""A trigger fires when this much time was lost within a window; once a window at most."""

_LINE_FIELDS = 5  # some avg10=0.00 avg60=0.00 avg300=0.00 total=0


def kernel_has_pressure(root: Path = Path("/")) -> bool:
    """Whether this kernel has PSI: it can be compiled out, or disabled at boot (psi=0)."""
    try:
        return bool((root / "proc/pressure/memory").read_bytes())
    except OSError:
        return False


def read_pressure(folder: Path) -> CgroupPressure | None:
    """What it and the cgroups below lost; None on v1, without PSI, or for a removed cgroup."""
    try:
        text = (folder / FILE).read_text("ascii")
    except OSError:  # EOPNOTSUPP too: PSI is disabled at boot, or for this cgroup
        return None
    shares, totals = {}, {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != _LINE_FIELDS:
            continue
        values = dict(word.split("=", 1) for word in words[1:])
        shares[words[0]] = float(values["avg10"]) / 100
        totals[words[0]] = int(values["total"]) * 1000
    if "some" not in totals:
        return None
    return CgroupPressure(
        time_ns=time.monotonic_ns(),
        some_ns=totals["some"],
        full_ns=totals.get("full", 0),
        some_share=shares["some"],
        full_share=shares.get("full", 0.0),
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
