"""Memory cgroups as the kernel side counts them: alone, or with their tracked processes."""

import struct
from collections.abc import Iterable, Iterator

from ebpftrace.counters import CgroupCounters
from ebpftrace.events import CgroupRead, GroupReading, ProcessKey
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.structs import StructDecoder, TrackedEntry
from ebpftrace.units import PAGE_SIZE

_READ_AT_ONCE = 64  # processes whose exact figures a breach waits for


class Groups:
    """Reads a memory cgroup on demand."""

    def __init__(
        self, programs: Programs, structs: StructDecoder, element_iterator: int = 0
    ) -> None:
        """`element_iterator` is the BTF id of the iterator over a map."""
        self._structs = structs
        self._update = bpf.Runner(programs.load("read_group"))
        self._map = programs.map_fd("cgroups")
        self._size = structs.sizes()["cgroup_counters"]
        self._changed = programs.elements("changed_groups", "cgroups", element_iterator)

    def read(self, now_ns: int, cgroup_ids: Iterable[int]) -> Iterator[CgroupRead]:
        """The counters of those that have an entry."""
        for cgroup_id in cgroup_ids:
            counters = self.counters(cgroup_id)
            if counters is not None:
                yield CgroupRead(now_ns, cgroup_id, counters)

    def read_changed(self, now_ns: int, others: Iterable[int]) -> Iterator[CgroupRead]:
        """The counters of those that changed since the last call, and of some `others`."""
        data, step = self._changed(), 8 + self._size
        found = set()
        for at in range(0, len(data), step):
            (cgroup_id,) = struct.unpack_from("=Q", data, at)
            found.add(cgroup_id)
            yield CgroupRead(now_ns, cgroup_id, self._structs.cgroup(data, at + 8))
        yield from self.read(now_ns, sorted(set(others) - found))

    def counters(self, cgroup_id: int) -> CgroupCounters | None:
        """Exact at this moment; None if no process was ever tracked there."""
        data = self._read(cgroup_id)
        return None if data is None else self._structs.cgroup(data)

    def with_processes(
        self, now_ns: int, cgroup_id: int, first: ProcessKey, processes: Processes
    ) -> GroupReading | None:
        """The same with its tracked processes.

        `first` is always read; of very many processes, only the largest of the last reading
        besides.
        """
        members = processes.of_cgroup(cgroup_id)
        partial = len(members) > _READ_AT_ONCE
        if partial:
            members.sort(key=lambda entry: (entry.key != first, -_held_bytes(entry)))
        counters = {known.key: known.counters for known in members[_READ_AT_ONCE:]}
        for known in members[:_READ_AT_ONCE]:
            entry = processes.read(known)
            if entry is not None and (entry.key, entry.cgroup_id) == (known.key, cgroup_id):
                counters[known.key] = entry.counters
        data = self._read(cgroup_id)
        if data is None:
            return None
        return GroupReading(
            time_ns=now_ns,
            cgroup_id=cgroup_id,
            counters=self._structs.cgroup(data),
            held_bytes=self._structs.held_pages(data) * PAGE_SIZE,
            processes=counters,
            partial=partial,
        )

    def _read(self, cgroup_id: int) -> bytes | None:
        self._update(cgroup_id)
        return bpf.lookup(self._map, struct.pack("=Q", cgroup_id), self._size)


def _held_bytes(entry: TrackedEntry) -> int:
    return entry.counters.usage.held_bytes
