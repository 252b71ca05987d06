"""Memory cgroups as the kernel side counts them: alone, or with who is tracked there."""

import struct

from ebpftrace.counters import CgroupCounters
from ebpftrace.events import GroupReading, ProcessKey
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import PAGE_SIZE
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.records import RecordDecoder

_READ_AT_ONCE = 64  # of so many processes a breach waits for the exact figures


class Groups:
    """Each is read when it is asked for."""

    def __init__(self, programs: Programs, decoder: RecordDecoder) -> None:
        self._decoder = decoder
        self._count = bpf.Runner(programs.load("read_group"))
        self._map = programs.map_fd("cgroups")
        self._size = decoder.sizes()["cgroup_counters"]

    def counters(self, cgroup_id: int) -> CgroupCounters | None:
        """Exact at this moment; None if nobody was tracked there."""
        data = self._read(cgroup_id)
        return None if data is None else self._decoder.cgroup(data)

    def with_processes(
        self, now_ns: int, cgroup_id: int, first: ProcessKey, processes: Processes
    ) -> GroupReading | None:
        """The same with its tracked processes.

        `first` is read in any case; of very many, the largest of the last reading besides.
        """
        there = processes.of_cgroup(cgroup_id)
        partial = len(there) > _READ_AT_ONCE
        if partial:
            there.sort(key=lambda one: (one.key != first, -one.counters.usage.held_bytes))
        counters = {one.key: one.counters for one in there[_READ_AT_ONCE:]}
        for one in there[:_READ_AT_ONCE]:
            entry = processes.read(one)
            if entry is not None and (entry.key, entry.cgroup_id) == (one.key, cgroup_id):
                counters[one.key] = entry.counters
        data = self._read(cgroup_id)
        if data is None:
            return None
        return GroupReading(
            time_ns=now_ns,
            cgroup_id=cgroup_id,
            counters=self._decoder.cgroup(data),
            held_bytes=self._decoder.held_pages(data) * PAGE_SIZE,
            processes=counters,
            partial=partial,
        )

    def _read(self, cgroup_id: int) -> bytes | None:
        self._count(cgroup_id)
        return bpf.lookup(self._map, struct.pack("=Q", cgroup_id), self._size)
