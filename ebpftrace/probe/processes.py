"""The tracked processes: the kernel side's map of them, and what was reported of it."""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator

from ebpftrace.events import (
    Event,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.structs import StructDecoder, TrackedEntry, left_mm


class Processes:
    """Processes whose start was reported and whose end was not, with their last readings."""

    def __init__(
        self, programs: Programs, structs: StructDecoder, element_iterator: int = 0
    ) -> None:
        """`element_iterator` is the BTF id of the iterator over a map."""
        self._programs = programs
        self._structs = structs
        self._update = bpf.Runner(programs.load("read_process"))
        self._remove = bpf.Runner(programs.load("forget_process"), 2)
        self._map = programs.map_fd("processes")
        self._size = structs.sizes()["tracked"]
        self._entries = bpf.Batch(self._map, 8, self._size)
        self._changed = programs.elements("changed_processes", "processes", element_iterator)
        self._known: dict[ProcessKey, TrackedEntry] = {}
        self._started_ns: dict[ProcessKey, int] = {}  # the time of each one's reported start
        self._repaired_ns: dict[ProcessKey, int] = {}  # when the map was preferred to records
        self.left: list[int] = []  # mms in the map whose process has ended; others share them
        self._gone: dict[ProcessKey, int] = {}  # not in the map any more: when that was seen
        self._touched: set[int] = set()  # cgroups where a process started, ended, or moved to

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: ProcessKey) -> bool:
        return key in self._known

    @property
    def cgroup_ids(self) -> set[int]:
        """The memory cgroups they are in."""
        return {entry.cgroup_id for entry in self._known.values()}

    @property
    def awaits_ends(self) -> bool:
        """Whether some are not in the map any more, and their ends may yet be reported."""
        return bool(self._gone)

    def take_touched(self) -> set[int]:
        """The cgroups whose processes are others than at the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def of_cgroup(self, cgroup_id: int) -> list[TrackedEntry]:
        """The processes of one memory cgroup, as they were last read."""
        return [entry for entry in self._known.values() if entry.cgroup_id == cgroup_id]

    def mm_of(self, key: ProcessKey) -> int | None:
        """The process's key in the kernel side's maps; None if it is not tracked."""
        return self._known[key].mm if key in self._known else None

    def started(self, event: ProcessStarted, entry: TrackedEntry) -> bool:
        """Whether a reported start is new, none of `repair`; `entry` is what the map had."""
        key = event.key
        repaired = key in self._repaired_ns
        if repaired and (self._known[key].mm == entry.mm or self._is_outdated(event)):
            return False
        # The same objects as the event has: there may be tens of thousands.
        self._known[key] = entry._replace(key=key, comm=event.comm, counters=event.counters)
        self._touched.add(entry.cgroup_id)
        self._started_ns[key] = event.time_ns
        self._repaired_ns.pop(key, None)
        self._gone.pop(key, None)
        return True

    def exited(self, event: ProcessExited, entry: TrackedEntry) -> bool:
        """An end or exec was reported; False if `repair` has reported it before."""
        known = self._known.get(event.key)
        if known is not None:
            if known.mm != entry.mm:
                return False
            self._forget(event.key)
        return True

    def changed(self, event: ProcessMoved | ProcessRenamed) -> bool:
        """A move or rename was reported; False if `repair` has reported a later one."""
        known = self._known.get(event.key)
        if known is not None:
            if self._is_outdated(event):
                return False
            if isinstance(event, ProcessMoved):
                self._touched |= {known.cgroup_id, event.cgroup_id}
                self._known[event.key] = known._replace(cgroup_id=event.cgroup_id)
            else:
                self._known[event.key] = known._replace(comm=event.comm)
        return True

    def update_all(self) -> None:
        """Have the kernel side bring every entry of the map up to date."""
        for known in list(self._known.values()):
            self._update(known.mm)

    def changed_entries(self) -> dict[ProcessKey, TrackedEntry]:
        """Those of the map that changed since the last call, exact, as `entries` has them."""
        data, size = self._changed(), self._structs.sizes()["process"]
        entries = self._decode(data[at : at + size] for at in range(0, len(data), size))
        due = [entry for entry in entries.values() if entry.charge_due]
        return entries | {now.key: now for entry in due if (now := self.read(entry))}

    def entries(self) -> dict[ProcessKey, TrackedEntry]:
        """The whole map, with processes whose start was not reported."""
        return self._decode(self._entries.values())

    def as_last_read(self, entries: dict[ProcessKey, TrackedEntry]) -> Iterable[TrackedEntry]:
        """All of which one is known; `entries` are the latest."""
        return (self._known | entries).values()

    def _decode(self, entries: Iterable[bytes]) -> dict[ProcessKey, TrackedEntry]:
        decoded: dict[ProcessKey, TrackedEntry] = {}
        self.left = []
        for data in entries:
            entry = self._structs.entry(data)
            if entry is not None:
                if known := self._known.get(entry.key):  # no new objects of what is the same
                    entry = known if entry == known else entry._replace(key=known.key)
                decoded[entry.key] = entry
            elif (mm := left_mm(data)) is not None:
                self.left.append(mm)
        return decoded

    def remove_left(self, mms: Iterable[int]) -> None:
        """Remove those of these that are still left: no process shares them any more."""
        for mm in mms:
            data = bpf.lookup(self._map, struct.pack("=Q", mm), self._size)
            if data and left_mm(data) is not None:
                self._remove(mm, 0)

    def read(self, entry: TrackedEntry) -> TrackedEntry | None:
        """The exact entry of the same mm now; None if the map has none."""
        self._update(entry.mm)
        return self._entry(entry.mm)

    def repair(
        self,
        now_ns: int,
        entries: dict[ProcessKey, TrackedEntry],
        ended: Collection[ProcessKey] = (),
        written: Callable[[], int] = lambda: 0,
        has_read: Callable[[int], bool] = lambda _written: True,
        *,
        whole: bool = True,
    ) -> Iterator[Event]:
        """Events for the differences between the map's `entries` and what was reported.

        The `ended` are removed from `entries` and from the map. `written` returns how much
        the ring has ever contained. An entry is removed after the record of its end was
        written: such an end is reported here only once `has_read` says that its record was not
        in there. Only what is in `entries` is compared where they are not the `whole` map.
        """
        for key in ended:
            entry = entries.pop(key)
            if self._in_map(key, entry.mm):
                self._remove(entry.mm, key.pid)
        self._gone = {key: at for key, at in self._gone.items() if key not in entries}
        for key in [key for key in self._known if whole and key not in entries]:
            if self._in_map(key, self._known[key].mm):
                continue  # it was added after `entries` was read
            if not has_read(self._gone.setdefault(key, written())):
                continue
            gone = self._forget(key)
            yield ProcessExited(now_ns, key, gone.comm, 0, 0, gone.counters)
        for key, entry in entries.items():
            known = self._known.get(key)
            if known is None or known.mm != entry.mm:
                if self._tracked_mm(key.pid) != entry.mm or not self._in_map(key, entry.mm):
                    continue  # it was removed after `entries` was read, or is about to be
                if known is not None:
                    yield ProcessExited(now_ns, key, known.comm, 0, 0, known.counters, True)
                yield self._start(now_ns, entry)
            else:
                if known.cgroup_id != entry.cgroup_id:
                    self._repaired_ns[key] = now_ns
                    self._touched |= {known.cgroup_id, entry.cgroup_id}
                    yield ProcessMoved(now_ns, key, entry.cgroup_id)
                if known.comm != entry.comm:
                    self._repaired_ns[key] = now_ns
                    yield ProcessRenamed(now_ns, key, entry.comm)
            if entry != known:  # else what is known is shared with others
                self._known[key] = entry

    def find(self, now_ns: int, key: ProcessKey) -> Iterator[Event]:
        """The start of a process that is in the map, if it is not reported yet."""
        if key in self._known:
            return
        entry = self._entry(self._tracked_mm(key.pid) or 0)
        if entry is not None and entry.key == key:
            yield self._start(now_ns, entry)

    def is_unchanged(self, event: ProcessStarted) -> bool:
        """Whether it has the memory that it started with: each exec gives it another."""
        is_latest = self._started_ns.get(event.key) == event.time_ns
        return is_latest and self._tracked_mm(event.key.pid) == self.mm_of(event.key)

    def drop(self, event: ProcessStarted) -> None:
        """Stop tracking it, unless it has executed another program since."""
        key = event.key
        if self._started_ns.get(key) == event.time_ns and key in self._known:
            self._remove(self._forget(key).mm, key.pid)

    def _start(self, now_ns: int, entry: TrackedEntry) -> ProcessStarted:
        """Report a start from the map, before its record is read or because it was lost."""
        self._known[entry.key] = entry
        self._touched.add(entry.cgroup_id)
        self._started_ns[entry.key] = self._repaired_ns[entry.key] = now_ns
        return ProcessStarted(
            now_ns, entry.key, entry.parent_pid, entry.how, entry.comm, entry.cgroup_id,
            counters=entry.counters, same_program=entry.same_program,
        )  # fmt: skip

    def _forget(self, key: ProcessKey) -> TrackedEntry:
        for times in (self._started_ns, self._repaired_ns, self._gone):
            times.pop(key, None)
        known = self._known.pop(key)
        self._touched.add(known.cgroup_id)
        return known

    def _is_outdated(self, event: ProcessStarted | ProcessMoved | ProcessRenamed) -> bool:
        """Whether `repair` has reported the process's state after this event."""
        return event.time_ns < self._repaired_ns.get(event.key, 0)

    def _entry(self, mm: int) -> TrackedEntry | None:
        data = bpf.lookup(self._map, struct.pack("=Q", mm), self._size)
        return None if data is None else self._structs.entry(data)

    def _tracked_mm(self, pid: int) -> int | None:
        """None from before the end is reported on; the entry itself is removed after that."""
        mm = bpf.lookup(self._programs.map_fd("process_mm"), struct.pack("=I", pid), 8)
        return None if mm is None else int.from_bytes(mm, "little")

    def _in_map(self, key: ProcessKey, mm: int) -> bool:
        entry = self._entry(mm)
        return entry is not None and entry.key == key
