"""Bounds that the kernel side watches: set here, told as `Breached` at the page that passes.

Each is told once and must be set again. A sum over a cgroup is kept in steps of 16 pages
a process, so it may be told that much late.
"""

from ebpftrace.probe import bpf
from ebpftrace.probe.layout import PAGE_SIZE
from ebpftrace.probe.programs import Programs


class Watermarks:
    """The marks of one probe that was made with `watermarks=True`."""

    def __init__(self, programs: Programs) -> None:
        self._process = bpf.Runner(programs.load("mark_process"), 2)
        self._group = bpf.Runner(programs.load("mark_group"), 3)

    def set_process(self, mm: int, held_bytes: int) -> None:
        """Tell when this process's own anon, shmem and swap reach so much; 0: never."""
        self._process(mm, _pages(held_bytes))

    def set_group(self, cgroup_id: int, held_bytes: int, correction_pages: int = 0) -> None:
        """Tell when the tracked processes of a cgroup together hold so much; 0: never.

        `correction_pages` brings the kernel's running sum in line with what its parts are.
        """
        self._group(cgroup_id, _pages(held_bytes), correction_pages)


def _pages(size: int) -> int:
    return -(-size // PAGE_SIZE)
