"""A kernel side that reports what a test emits, and records what it was asked."""

import contextlib
import os
from collections.abc import Callable, Collection

from ebpftrace.counters import CgroupCounters, ProcessCounters, Usage
from ebpftrace.events import (
    Breached,
    CgroupRead,
    Event,
    FuseBlown,
    GroupReading,
    LossesRead,
    ProcessExited,
    ProcessKey,
    ProcessRead,
    ProcessStarted,
)
from ebpftrace.probe import FuseControl, HeirControl
from ebpftrace.units import MIB


def holding(mib: float) -> ProcessCounters:
    """Counters of a process that holds this much anonymous memory."""
    size = round(mib * MIB)
    return ProcessCounters(usage=Usage(anon_bytes=size), peak_bytes=size)


class ScriptedFuses:
    """A `FuseControl`: what it was asked is in the probe's `asked`."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    def arm_process(
        self,
        key: ProcessKey,
        own: int,
        charge: int,
        signal: int,
        least: int = 0,
        resumed: int = 0,
    ) -> None:
        spared = (least, resumed) if least or resumed else ()
        self._asked.append(("arm process", key.pid, own, charge, signal, *spared))

    def arm_group(
        self, cgroup_id: int, held_bytes: int, signal: int, least_bytes: int = 0
    ) -> None:
        self._asked.append(("arm group", cgroup_id, held_bytes, signal))

    def clear_stop(self, key: ProcessKey) -> None:
        self._asked.append(("clear stop", key.pid))


class ScriptedProbe:
    """A `Probe`. `processes` and `cgroups` are what it reads; events move them along.

    `asked` has marks, fuses, drops and the close, in order, without the many readings;
    `on_read` is called at the begin of each of those.
    """

    features = (("memory", "scripted"),)
    remarks = ("nothing here is real",)

    def __init__(self, *, fuses: bool = False) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.fds = (self.fd,)
        self.slice: int | None = None  # so many events at once, of those that are not urgent
        self.asked: list[tuple[object, ...]] = []
        self.fuses: FuseControl | None = ScriptedFuses(self.asked) if fuses else None
        self.heirs: HeirControl | None = None
        self.drift_bytes = 0
        self.processes: dict[ProcessKey, tuple[int, ProcessCounters]] = {}  # cgroup, counters
        self.cgroups: dict[int, CgroupCounters] = {}
        self.losses: dict[str, int] = {}
        self.shared: dict[ProcessKey, list[ProcessKey]] = {}  # that share the memory of one
        self.on_slice: Callable[[], object] = lambda: None  # called as events are taken
        self.on_read: Callable[[], object] = lambda: None
        self._ring: list[Event] = []
        self._emitted: list[Event] = []

    def emit(self, *events: Event) -> None:
        """Report these now; `fd` is readable until they are taken."""
        self._ring += events
        self._emitted += events
        os.eventfd_write(self.fd, 1)

    def hold(self, key: ProcessKey, mib: float) -> None:
        """The process holds this much from now on; no event reports it."""
        self.processes[key] = self.processes[key][0], holding(mib)

    @property
    def caught_up(self) -> bool:
        return not self._ring

    def breaches(self) -> list[Breached]:
        breaches = [event for event in self._ring if isinstance(event, Breached)]
        self._ring = [event for event in self._ring if not isinstance(event, Breached)]
        return breaches

    def urgent(self) -> list[Event]:
        events: list[Event] = [
            event for event in self._ring if isinstance(event, Breached | FuseBlown)
        ]
        self._ring = [event for event in self._ring if event not in events]
        return events

    def events(self) -> list[Event]:
        self.on_slice()
        events: list[Event] = [] if self.slice is None else self.urgent()
        events += self._ring[: self.slice]
        self._ring = [] if self.slice is None else self._ring[self.slice :]
        if not self._ring:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self.fd)
        for event in events:
            if isinstance(event, ProcessStarted):
                self.processes[event.key] = event.cgroup_id, event.counters
                self.cgroups.setdefault(event.cgroup_id, CgroupCounters())
            elif isinstance(event, ProcessExited):
                self.processes.pop(event.key, None)
        return events

    def read(self, now_ns: int) -> list[Event]:
        self.on_read()
        events = self.events()
        for key, (_cgroup_id, counters) in self.processes.items():
            events.append(ProcessRead(now_ns, key, counters))
        for cgroup_id, cgroup in self.cgroups.items():
            events.append(CgroupRead(now_ns, cgroup_id, cgroup))
        return [*events, LossesRead(now_ns, dict(self.losses))]

    def read_one_group(
        self, now_ns: int, cgroup_id: int, first: ProcessKey
    ) -> GroupReading | None:
        self.asked.append(("read group", cgroup_id, first.pid))
        members = {k: c for k, (group, c) in self.processes.items() if group == cgroup_id}
        if not members:
            return None
        held = sum(counters.usage.held_bytes for counters in members.values())
        return GroupReading(now_ns, cgroup_id, self.cgroups[cgroup_id], held, members)

    def mark_process(self, key: ProcessKey, held_bytes: int) -> None:
        self.asked.append(("mark process", key.pid, held_bytes))

    def mark_group(self, cgroup_id: int, held_bytes: int) -> None:
        self.asked.append(("mark group", cgroup_id, held_bytes))

    def sharers(self, keys: Collection[ProcessKey]) -> list[ProcessKey]:
        return [sharer for key in keys for sharer in self.shared.get(key, ())]

    def is_unchanged(self, event: ProcessStarted) -> bool:
        return not any(
            isinstance(later, ProcessExited)
            and later.key == event.key
            and later.time_ns >= event.time_ns
            for later in self._emitted
        )

    def drop(self, event: ProcessStarted) -> None:
        self.asked.append(("drop", event.key.pid))
        self.processes.pop(event.key, None)

    def run_time_ns(self) -> int:
        return 0

    def close(self) -> None:
        self.asked.append(("close",))
        os.close(self.fd)
