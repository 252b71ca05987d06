"""Bounds that the kernel side watches: set here, reported as `Breached` when crossed.

Each is reported once and must be set again. A cgroup's sum is kept in steps of 4 pages a
process, so its breach may be reported that much late.
"""

import struct
from collections import Counter
from collections.abc import Iterable

from ebpftrace.events import ProcessKey
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.structs import StructDecoder, TrackedEntry


class Watermarks:
    """The marks of one probe that was made with `watermarks=True`."""

    def __init__(self, programs: Programs, structs: StructDecoder) -> None:
        self._structs = structs
        self._process = bpf.Runner(programs.load("mark_process"), 3)
        self._group = bpf.Runner(programs.load("mark_group"), 3)
        size = structs.sizes()["cgroup_counters"]
        self._cgroups = bpf.Batch(programs.map_fd("cgroups"), 8, size)
        self._correct = bpf.Runner(programs.load("correct_group"), 2)
        self._before: dict[int, int] = {}
        self.corrections: dict[int, int] = {}
        """By cgroup: pages that its sum lacks, as far as could be seen."""

    def set_process(self, mm: int, key: ProcessKey, held_bytes: int) -> None:
        """Report when this process's own anon, shmem and swap reach so much; 0: never."""
        self._process(mm, key.start_boottime_ns, whole_pages(held_bytes))

    def set_group(self, cgroup_id: int, held_bytes: int) -> None:
        """Report when the tracked processes of a cgroup together hold so much; 0: never."""
        correction = self.corrections.pop(cgroup_id, 0)
        self._group(cgroup_id, whole_pages(held_bytes), correction)

    def sum_up(self) -> None:
        """Note the kernel's running sums, before their parts are read."""
        self._before = self._sums()

    def compare(self, parts: Iterable[TrackedEntry]) -> None:
        """Find wrong sums, among those that did not change while the parts were read.

        One that changed cannot be judged: what was added after its part was read would be
        subtracted again, and its mark reported too late, or never. What two comparisons in a
        row find is corrected at once: a fuse of the cgroup has no mark that is set anew.
        """
        counted: Counter[int] = Counter()
        for part in parts:
            counted[part.cgroup_id] += part.counted_pages
        found = {
            cgroup_id: counted[cgroup_id] - held
            for cgroup_id, held in self._sums().items()
            if held == self._before.get(cgroup_id) != counted[cgroup_id]
        }
        for cgroup_id, correction in found.items() & self.corrections.items():
            self._correct(cgroup_id, correction)
            del found[cgroup_id]
        self.corrections = found

    def _sums(self) -> dict[int, int]:
        return {
            struct.unpack("=Q", key)[0]: self._structs.held_pages(value)
            for key, value in self._cgroups.items()
        }
