"""Records become events in slices; breaches and stops never wait for the others."""

import signal
from collections.abc import Callable
from typing import Any, cast

import pytest

from ebpftrace.counters import ProcessCounters
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import (
    Breached,
    Event,
    FuseBlown,
    FuseScope,
    ProcessExited,
    ProcessKey,
    ProcessRenamed,
)
from ebpftrace.probe.reports import Reports

KEY = ProcessKey(4711, 77)
RENAMED = ProcessRenamed(5, KEY, "other")
LATER = ProcessRenamed(7, KEY, "another")
BREACH = Breached(6, KEY, 7, 64 << 20, group=True)
STOP = FuseBlown(6, KEY, 7, FuseScope.JOB, 1, 1, 1, signal.SIGSTOP)
FOUND = ProcessRenamed(6, KEY, "stands for a start")


class FakeKernel:
    """Rings, decoder, processes and fuses in one: a record is its number in `events`."""

    def __init__(self, *events: Event, caught_up: bool) -> None:
        self.events, self.caught_up = events, caught_up
        self.reports = Reports(*cast(Any, (self, self, self)))
        self.stopped: set[ProcessKey] = set()
        self.forgotten: list[ProcessKey] = []

    def take(self) -> None:
        for number, event in enumerate(self.events):
            if not isinstance(event, Breached | FuseBlown):
                self.reports.receive(bytes([number]))

    def take_urgent(self) -> None:
        for number, event in enumerate(self.events):
            if isinstance(event, Breached | FuseBlown):
                self.reports.receive_urgent(bytes([number]))

    def record(self, data: bytes) -> Event:
        return self.events[data[0]]

    def changed(self, _event: Event) -> bool:
        return True

    def find(self, _now_ns: int, _key: ProcessKey) -> list[Event]:
        return [FOUND]

    def exited(self, _event: Event, _entry: object) -> bool:
        return True

    def entry(self, _data: bytes) -> None:
        """Not used."""

    def forget(self, key: ProcessKey) -> None:
        self.forgotten.append(key)

    def accept(self, event: FuseBlown) -> bool:
        new = event.key not in self.stopped
        self.stopped.add(event.key)
        return new


def test_all_events_are_in_the_order_of_their_times() -> None:
    kernel = FakeKernel(RENAMED, LATER, BREACH, caught_up=True)
    assert kernel.reports.events(cast(Any, kernel)) == [RENAMED, BREACH, LATER]


@pytest.mark.parametrize(("urgent", "first"), [(BREACH, [BREACH]), (STOP, [FOUND, STOP])])
def test_urgent_events_come_first_where_records_are_left(
    urgent: Event, first: list[Event]
) -> None:
    kernel = FakeKernel(RENAMED, LATER, urgent, caught_up=False)
    assert kernel.reports.events(cast(Any, kernel)) == [*first, RENAMED, LATER]


def test_urgent_events_are_taken_alone() -> None:
    kernel = FakeKernel(RENAMED, BREACH, caught_up=False)
    assert kernel.reports.urgent(cast(Any, kernel)) == [BREACH]


def test_breaches_are_taken_alone_and_stops_stay_in_the_order_of_events() -> None:
    kernel = FakeKernel(RENAMED, STOP, BREACH, caught_up=True)
    assert kernel.reports.breaches(cast(Any, kernel)) == [BREACH]
    kernel.events = (RENAMED,)
    assert kernel.reports.events(cast(Any, kernel)) == [RENAMED, STOP]


def test_second_stop_of_a_process_is_not_reported() -> None:
    kernel = FakeKernel(STOP, STOP, caught_up=True)
    assert kernel.reports.events(cast(Any, kernel)) == [STOP]


@pytest.mark.parametrize("executed", [False, True])
def test_stop_of_a_process_that_ended_is_forgotten(*, executed: bool) -> None:
    """A process that executed another program may still be stopped."""
    exited = ProcessExited(1, KEY, "gopls", 0, 0, ProcessCounters(), executed)
    kernel = FakeKernel(exited, caught_up=True)
    assert kernel.reports.events(cast(Any, kernel)) == [exited]
    assert kernel.forgotten == ([] if executed else [KEY])


class PickyDecoder:
    """Decodes a record of one byte only."""

    def record(self, data: bytes) -> Event:
        if len(data) != 1:
            raise EbpftraceError("none of its own")
        return BREACH


def picky_reports() -> Reports:
    return Reports(*cast(Any, (PickyDecoder(), None, None)))


@pytest.mark.parametrize("receive", [Reports.receive, Reports.receive_urgent])
def test_first_record_that_cannot_be_decoded_is_an_error(
    receive: Callable[[Reports, bytes], None],
) -> None:
    """The programs and ebpftrace are of different versions."""
    reports = picky_reports()
    with pytest.raises(EbpftraceError):
        receive(reports, b"")
    assert reports.undecodable == 0


def test_later_record_that_cannot_be_decoded_is_counted() -> None:
    reports = picky_reports()
    reports.receive_urgent(b"x")
    reports.receive(b"")
    reports.receive_urgent(b"")
    reports.receive(b"x")
    assert reports.undecodable == 2
