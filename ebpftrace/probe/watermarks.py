"""Bounds that the kernel side watches: set here, told as `Breached` at the page that passes.

Each is told once and must be set again. A sum over a cgroup is kept in steps of 4 pages
a process, so it may be told that much late.
"""

import struct
from collections import Counter
from collections.abc import Iterable

from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.records import RecordDecoder, TrackedEntry


class Watermarks:
    """The marks of one probe that was made with `watermarks=True`."""

    def __init__(self, programs: Programs, decoder: RecordDecoder) -> None:
        self._decoder = decoder
        self._process = bpf.Runner(programs.load("mark_process"), 2)
        self._group = bpf.Runner(programs.load("mark_group"), 3)
        size = decoder.sizes()["cgroup_counters"]
        self._cgroups = bpf.Batch(programs.map_fd("cgroups"), 8, size)
        self._before: dict[int, int] = {}
        self.off: dict[int, int] = {}
        """By cgroup: pages its sum lacks, as far as that could be told."""

    def set_process(self, mm: int, held_bytes: int) -> None:
        """Tell when this process's own anon, shmem and swap reach so much; 0: never."""
        self._process(mm, whole_pages(held_bytes))

    def set_group(self, cgroup_id: int, held_bytes: int) -> None:
        """Tell when the tracked processes of a cgroup together hold so much; 0: never."""
        self._group(cgroup_id, whole_pages(held_bytes), self.off.pop(cgroup_id, 0))

    def sum_up(self) -> None:
        """Note the kernel's running sums, before their parts are read."""
        self._before = self._sums()

    def compare(self, parts: Iterable[TrackedEntry]) -> None:
        """Find sums that are off, of those that stood still while the parts were read.

        One that moved says nothing: what was added after its part was read would be taken
        away from it, and its mark told too late, or never.
        """
        counted: Counter[int] = Counter()
        for part in parts:
            counted[part.cgroup_id] += part.counted_pages
        self.off = {
            cgroup_id: counted[cgroup_id] - held
            for cgroup_id, held in self._sums().items()
            if held == self._before.get(cgroup_id) != counted[cgroup_id]
        }

    def _sums(self) -> dict[int, int]:
        return {
            struct.unpack("=Q", key)[0]: self._decoder.held_pages(value)
            for key, value in self._cgroups.items()
        }
