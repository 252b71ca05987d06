"""Adds to a cgroup's counters what only its files have."""

from pathlib import Path

from ebpftrace.counters import CgroupContents, CgroupCounters, LimitLevel, Usage
from ebpftrace.events import CgroupRead, OomKilled
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.memstat import LazyFree, read_contents
from ebpftrace.host.pressure import read_pressure
from ebpftrace.ledger.held import room_bytes
from ebpftrace.limits import fullest_level, is_shared, own_level, shared_levels, with_limits

_NEAR_ROOM = 0.3


class CgroupFiles:
    """Reads memory.stat, and with `pressure` memory.pressure, which only cgroup v2 has."""

    def __init__(self, paths: CgroupPaths, *, pressure: bool) -> None:
        self._paths = paths
        self._pressure = pressure
        self._lazy_free = LazyFree()
        self._shared_ns = 0  # when the levels below were read
        self._shared: dict[int, tuple[str, CgroupContents | None]] = {}  # by cgroup id

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
            contents = contents.with_droppable(event.counters.droppable_bytes)
            contents = self._lazy_free.confirm(
                event.cgroup_id, contents, folder, near=_is_near(event.counters, contents)
            )
        pressure = read_pressure(folder) if self._pressure else None
        counters = event.counters._replace(contents=contents, pressure=pressure)
        if shared := shared_levels(counters):
            counters = self._with_shared(counters, shared, event.time_ns)
        return event._replace(counters=counters)

    def name_limit(self, event: OomKilled) -> OomKilled:
        """The event with the path of the cgroup whose limit was reached."""
        cgroup = event.cgroup
        level = fullest_level(cgroup)
        if level is None or not is_shared(level, cgroup.charge_bytes):
            return event
        named = level._replace(path=self._paths.path(level.cgroup_id) or "")
        levels = tuple(named if one is level else one for one in cgroup.levels)
        return event._replace(cgroup=cgroup._replace(levels=levels))

    def _with_shared(
        self, counters: CgroupCounters, shared: list[LimitLevel], time_ns: int
    ) -> CgroupCounters:
        """With what the shared levels hold that may be nearer than the cgroup's own limit.

        A level holds at least the page cache that its part here does, so many need no look.
        """
        if time_ns != self._shared_ns:
            self._shared_ns = time_ns
            self._shared.clear()
        own = own_level(counters)
        room = room_bytes(counters, Usage())
        is_own = own is not None and own not in shared
        contents = counters.contents or CgroupContents()
        droppable = contents.cache_bytes + contents.reclaimable_bytes + contents.lazy_bytes
        levels = []
        for level in counters.levels:
            if level in shared and not (
                is_own and room is not None and (level.headroom_bytes or 0) + droppable > room
            ):
                level = self._read_level(level, contents.lazy_bytes)
            levels.append(level)
        return with_limits(counters._replace(levels=tuple(levels)))

    def _read_level(self, level: LimitLevel, lazy_bytes: int) -> LimitLevel:
        """Once in each reading of all cgroups: siblings share it."""
        if level.cgroup_id not in self._shared:
            path, folder = self._paths.path(level.cgroup_id), self.folder(level.cgroup_id)
            contents = None if folder is None else read_contents(folder)
            self._shared[level.cgroup_id] = (path or "", contents)
        path, contents = self._shared[level.cgroup_id]
        if contents is not None:  # what the others freed lazily may have been written to since
            lazy = min(contents.lazy_bytes, lazy_bytes)
            contents = contents._replace(lazy_bytes=lazy).with_droppable(level.droppable_bytes)
        return level._replace(path=path, contents=contents)


def _is_near(counters: CgroupCounters, contents: CgroupContents) -> bool:
    """Whether 70 % of the limit would be taken if nothing was freed lazily."""
    limit, headroom = counters.limit_bytes, counters.headroom_bytes
    if limit is None or headroom is None:
        return False
    return headroom + contents.cache_bytes < _NEAR_ROOM * limit
