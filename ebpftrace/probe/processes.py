"""Who is tracked: the kernel side's map of them, and what was told of it."""

import os
import struct
from collections.abc import Collection, Iterable, Iterator

from ebpftrace.events import Event, ProcessExited, ProcessKey, ProcessMoved, ProcessStarted
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.records import RecordDecoder, TrackedEntry


class Processes:
    """Those whose start was told and whose end was not, each with its last reading."""

    def __init__(self, programs: Programs, decoder: RecordDecoder) -> None:
        self._programs = programs
        self._decoder = decoder
        self._count = bpf.Runner(programs.load("read_process"))
        self._map = programs.map_fd("processes")
        self._size = decoder.sizes()["process"]
        self._entries = bpf.Batch(self._map, 8, self._size)
        self._known: dict[ProcessKey, TrackedEntry] = {}
        self._since: dict[ProcessKey, int] = {}  # when each of them started, as told

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: ProcessKey) -> bool:
        return key in self._known

    @property
    def cgroup_ids(self) -> set[int]:
        """The memory cgroups they are in."""
        return {entry.cgroup_id for entry in self._known.values()}

    def of_cgroup(self, cgroup_id: int) -> list[TrackedEntry]:
        """Those in one memory cgroup, as they were last read."""
        return [one for one in self._known.values() if one.cgroup_id == cgroup_id]

    def mm_of(self, key: ProcessKey) -> int | None:
        """What the kernel side knows it by; None: it is not tracked."""
        known = self._known.get(key)
        return None if known is None else known.mm

    def told(self, event: Event, entry: TrackedEntry | None) -> None:
        """A record came; `entry` is what the map had of who started."""
        if isinstance(event, ProcessStarted) and entry is not None:
            self._known[event.key] = entry
            self._since[event.key] = event.time_ns
        elif isinstance(event, ProcessExited):
            self._known.pop(event.key, None)
            self._since.pop(event.key, None)
        elif isinstance(event, ProcessMoved) and event.key in self._known:
            self._known[event.key] = self._known[event.key]._replace(cgroup_id=event.cgroup_id)

    def count(self) -> None:
        """Have the kernel side bring every entry of the map up to date."""
        for known in list(self._known.values()):
            self._count(known.mm)

    def entries(self) -> dict[ProcessKey, TrackedEntry]:
        """The map, with those whose start was not told."""
        entries = map(self._decoder.entry, self._entries.values())
        return {entry.key: entry for entry in entries if entry is not None}

    def read(self, one: TrackedEntry) -> TrackedEntry | None:
        """What the map has for this process's mm now, exact; None: nothing."""
        self._count(one.mm)
        return self._entry(one.mm)

    def ended(self, there: Iterable[ProcessKey]) -> set[ProcessKey]:
        """Those that are there no more, although the map has them: their end was missed.

        To be asked before the records of those whose end was not missed are taken.
        """
        return {key for key in there if _is_gone(key.pid)}

    def repair(
        self,
        now_ns: int,
        there: dict[ProcessKey, TrackedEntry],
        ended: Collection[ProcessKey] = (),
    ) -> Iterator[Event]:
        """What was not told of those `there`, and of those who are not; they are known now.

        Of `there`, who has `ended` is taken out, and of the map.
        """
        for key in ended:
            entry = there.pop(key)
            if self._in_map(key, entry.mm):
                self._delete(key, entry.mm)
        for key in [key for key in self._known if key not in there]:
            if self._in_map(key, self._known[key].mm):
                continue  # it came between the two looks
            gone = self._known.pop(key)
            self._since.pop(key, None)
            yield ProcessExited(now_ns, key, gone.comm, 0, 0, gone.counters)
        for key, entry in there.items():
            known = self._known.get(key)
            if known is None or known.mm != entry.mm:
                if not self._in_map(key, entry.mm):
                    continue  # it went between the two looks
                if known is not None:
                    yield ProcessExited(now_ns, key, known.comm, 0, 0, known.counters, True)
                self._known[key] = entry
                self._since[key] = now_ns
                yield ProcessStarted(
                    now_ns, key, entry.parent_pid, entry.how, entry.comm, entry.cgroup_id,
                    counters=entry.counters,
                )  # fmt: skip
            elif known.cgroup_id != entry.cgroup_id:
                yield ProcessMoved(now_ns, key, entry.cgroup_id)
            self._known[key] = entry

    def drop(self, event: ProcessStarted) -> None:
        """Track it no more, unless it has become another program since."""
        key = event.key
        if self._since.get(key) != event.time_ns:
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
        return None if data is None else self._decoder.entry(data)

    def _in_map(self, key: ProcessKey, mm: int) -> bool:
        entry = self._entry(mm)
        return entry is not None and entry.key == key


def _is_gone(pid: int) -> bool:
    """Whether no process has this pid: where it is another's by now, that has to end first."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
