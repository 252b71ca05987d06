"""The tracked processes: the kernel side's map of them, and what was reported of it."""

import os
import struct
from collections.abc import Collection, Iterable, Iterator

from ebpftrace.events import Event, ProcessExited, ProcessKey, ProcessMoved, ProcessStarted
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.structs import StructDecoder, TrackedEntry


class Processes:
    """Processes whose start was reported and whose end was not, with their last readings."""

    def __init__(self, programs: Programs, structs: StructDecoder) -> None:
        self._programs = programs
        self._structs = structs
        self._update = bpf.Runner(programs.load("read_process"))
        self._map = programs.map_fd("processes")
        self._size = structs.sizes()["process"]
        self._entries = bpf.Batch(self._map, 8, self._size)
        self._known: dict[ProcessKey, TrackedEntry] = {}
        self._started_ns: dict[ProcessKey, int] = {}  # the time of each one's reported start

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: ProcessKey) -> bool:
        return key in self._known

    @property
    def cgroup_ids(self) -> set[int]:
        """The memory cgroups they are in."""
        return {entry.cgroup_id for entry in self._known.values()}

    def of_cgroup(self, cgroup_id: int) -> list[TrackedEntry]:
        """The processes of one memory cgroup, as they were last read."""
        return [entry for entry in self._known.values() if entry.cgroup_id == cgroup_id]

    def mm_of(self, key: ProcessKey) -> int | None:
        """The process's key in the kernel side's maps; None if it is not tracked."""
        known = self._known.get(key)
        return None if known is None else known.mm

    def started(self, event: ProcessStarted, entry: TrackedEntry) -> None:
        """A start was reported; `entry` is what the map had then."""
        self._known[event.key] = entry
        self._started_ns[event.key] = event.time_ns

    def apply(self, event: Event) -> None:
        """Another event was reported."""
        if isinstance(event, ProcessExited):
            self._known.pop(event.key, None)
            self._started_ns.pop(event.key, None)
        elif isinstance(event, ProcessMoved) and event.key in self._known:
            self._known[event.key] = self._known[event.key]._replace(cgroup_id=event.cgroup_id)

    def update_all(self) -> None:
        """Have the kernel side bring every entry of the map up to date."""
        for known in list(self._known.values()):
            self._update(known.mm)

    def entries(self) -> dict[ProcessKey, TrackedEntry]:
        """The whole map, with processes whose start was not reported."""
        entries = map(self._structs.entry, self._entries.values())
        return {entry.key: entry for entry in entries if entry is not None}

    def read(self, entry: TrackedEntry) -> TrackedEntry | None:
        """The exact entry of the same mm now; None if the map has none."""
        self._update(entry.mm)
        return self._entry(entry.mm)

    def ended(self, keys: Iterable[ProcessKey]) -> set[ProcessKey]:
        """Those that have ended although the map has them: their end was missed.

        Call it before the pending records are taken, which report ends that were not missed.
        """
        return {key for key in keys if _has_ended(key.pid)}

    def repair(
        self,
        now_ns: int,
        entries: dict[ProcessKey, TrackedEntry],
        ended: Collection[ProcessKey] = (),
    ) -> Iterator[Event]:
        """Events for the differences between the map's `entries` and what was reported.

        The `ended` are removed from `entries` and from the map.
        """
        for key in ended:
            entry = entries.pop(key)
            if self._in_map(key, entry.mm):
                self._delete(key, entry.mm)
        for key in [key for key in self._known if key not in entries]:
            if self._in_map(key, self._known[key].mm):
                continue  # it was added after `entries` was read
            gone = self._known.pop(key)
            self._started_ns.pop(key, None)
            yield ProcessExited(now_ns, key, gone.comm, 0, 0, gone.counters)
        for key, entry in entries.items():
            known = self._known.get(key)
            if known is None or known.mm != entry.mm:
                if not self._in_map(key, entry.mm):
                    continue  # it was removed after `entries` was read
                if known is not None:
                    yield ProcessExited(now_ns, key, known.comm, 0, 0, known.counters, True)
                started = ProcessStarted(
                    now_ns, key, entry.parent_pid, entry.how, entry.comm, entry.cgroup_id,
                    counters=entry.counters,
                )  # fmt: skip
                self.started(started, entry)
                yield started
            elif known.cgroup_id != entry.cgroup_id:
                yield ProcessMoved(now_ns, key, entry.cgroup_id)
            self._known[key] = entry

    def drop(self, event: ProcessStarted) -> None:
        """Stop tracking it, unless it has executed another program since."""
        key = event.key
        if self._started_ns.get(key) != event.time_ns:
            return
        known = self._known.pop(key, None)
        if known is not None:
            self._delete(key, known.mm)

    def _delete(self, key: ProcessKey, mm: int) -> None:
        pid = struct.pack("=I", key.pid)
        bpf.delete(self._map, struct.pack("=Q", mm))
        bpf.delete(self._programs.map_fd("process_mm"), pid)
        bpf.delete(self._programs.map_fd("lineage"), pid)

    def _entry(self, mm: int) -> TrackedEntry | None:
        data = bpf.lookup(self._map, struct.pack("=Q", mm), self._size)
        return None if data is None else self._structs.entry(data)

    def _in_map(self, key: ProcessKey, mm: int) -> bool:
        entry = self._entry(mm)
        return entry is not None and entry.key == key


def _has_ended(pid: int) -> bool:
    """Whether no process has this pid. A process that reused it has to end first."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
