"""A probe under observation: what it reported, by process, without ledger or view."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ebpftrace.counters import ProcessCounters
from ebpftrace.events import (
    CgroupRead,
    Event,
    ProcessExited,
    ProcessKey,
    ProcessRead,
    ProcessStarted,
)
from ebpftrace.probe import Selection
from ebpftrace.probe.kernel import KernelProbe
from tests.support.patience import patient
from tests.support.workload import PAGE

Kind = TypeVar("Kind", bound=Event)


class Observer:
    """Every event since it began, or since `forget`."""

    def __init__(self, selection: Selection, **options: Any) -> None:
        self.probe = KernelProbe(selection, **options)
        self.events: list[Event] = []

    def close(self) -> None:
        self.probe.close()

    @property
    def lag_bytes(self) -> int:
        """What a thread may hold that is not reported yet: 64 page faults, up to Linux 6.1."""
        lags = dict(self.probe.features)["memory"].startswith("rss_stat, exact at each reading")
        return 64 * PAGE if lags else 0

    def forget(self) -> None:
        """Start anew, with what is running kept."""
        self._take()
        self.events.clear()

    def _take(self) -> None:
        """What happened since, in as many slices as it takes."""
        self.events += self.probe.events()
        while not self.probe.caught_up:
            self.events += self.probe.events()

    def read(self) -> None:
        """What happened, and an exact reading of all that is tracked."""
        self._take()
        self.events += self.probe.read(time.monotonic_ns())

    def counters(self, pid: int) -> ProcessCounters:
        """A process's counters, exact now.

        Also of one that is about to start: a parent in vfork runs on a little before its
        child's exec is reported.
        """
        deadline = time.monotonic() + patient(15)
        while True:
            self.read()
            reads = self.all(ProcessRead, lambda event: event.key.pid == pid)
            if reads:
                return reads[-1].counters
            assert time.monotonic() < deadline, f"pid {pid} is not tracked"
            time.sleep(0.01)

    def all(
        self, kind: type[Kind], where: Callable[[Kind], bool] = lambda _: True
    ) -> list[Kind]:
        """The events of one kind."""
        self._take()
        return [event for event in self.events if isinstance(event, kind) and where(event)]

    def last(self, kind: type[Kind], where: Callable[[Kind], bool] = lambda _: True) -> Kind:
        """The latest such event; waits up to fifteen seconds for one."""
        deadline = time.monotonic() + patient(15)
        while not (found := self.all(kind, where)):
            if time.monotonic() > deadline:
                seen = [type(event).__name__ for event in self.events[-20:]]
                raise AssertionError(f"no such {kind.__name__} after {seen}")
            time.sleep(0.01)
        return found[-1]

    def started(self, pid: int) -> ProcessStarted:
        return self.last(ProcessStarted, lambda event: event.key.pid == pid)

    def exited(self, pid: int) -> ProcessExited:
        return self.last(ProcessExited, lambda event: event.key.pid == pid)

    def tracks(self, pid: int) -> bool:
        """Whether a process with this pid is tracked now."""
        self.read()
        alive: set[ProcessKey] = set()
        for event in self.events:
            if isinstance(event, ProcessStarted):
                alive.add(event.key)
            elif isinstance(event, ProcessExited):
                alive.discard(event.key)
        return any(key.pid == pid for key in alive)

    def cgroup(self, cgroup_id: int) -> CgroupRead:
        """A memory cgroup's counters, exact now."""
        self.read()
        return self.last(CgroupRead, lambda event: event.cgroup_id == cgroup_id)
