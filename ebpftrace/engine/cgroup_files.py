"""Adds to a cgroup's counters what only its files have."""

from dataclasses import replace
from pathlib import Path

from ebpftrace.events import CgroupRead
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.lazy_free import LazyFree
from ebpftrace.host.memstat import read_contents
from ebpftrace.host.pressure import read_pressure


class CgroupFiles:
    """Reads memory.stat, and with `pressure` memory.pressure, which only cgroup v2 has."""

    def __init__(self, paths: CgroupPaths, *, pressure: bool) -> None:
        self._paths = paths
        self._pressure = pressure
        self._lazy_free = LazyFree()

    def folder(self, cgroup_id: int) -> Path | None:
        """A cgroup's folder; None for the root cgroup, which is the whole machine."""
        path = self._paths.path(cgroup_id)
        return self._paths.folder(path) if path and path != "/" else None

    def complete(self, event: CgroupRead) -> CgroupRead:
        """The event with what the files add; as it is if they cannot be found."""
        folder = self.folder(event.cgroup_id)
        if folder is None:
            return event
        contents = read_contents(folder)
        if contents is not None:
            contents = self._lazy_free.confirm(event.cgroup_id, contents, folder)
        pressure = read_pressure(folder) if self._pressure else None
        counters = replace(event.counters, contents=contents, pressure=pressure)
        return replace(event, counters=counters)
