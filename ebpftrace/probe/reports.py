"""The records of the rings as events, in slices, without what was reported from the maps."""

import heapq
from collections.abc import Iterable, Iterator

from ebpftrace.errors import EbpftraceError
from ebpftrace.events import (
    Breached,
    Event,
    FuseBlown,
    ProcessExited,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe.fuses import KernelFuses
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.records import RecordDecoder
from ebpftrace.probe.rings import Rings


class Reports:
    """Has `processes` and `fuses` learn of each event; `rings` call the two `receive`."""

    def __init__(
        self, decoder: RecordDecoder, processes: Processes, fuses: KernelFuses | None
    ) -> None:
        self._decoder = decoder
        self._processes = processes
        self._fuses = fuses
        self._pending: list[Event] = []
        self._urgent: list[Event] = []
        self._has_decoded = False
        self.undecodable = 0
        """Records that were left out, since they are none of the kernel side's own."""

    def receive(self, data: bytes) -> None:
        """A record of the ring for all that is not urgent."""
        event, is_new = self._decoded(data), True
        if event is None:
            return
        if isinstance(event, ProcessStarted):
            is_new = self._processes.started(event, self._decoder.entry(data))
        elif isinstance(event, ProcessExited):
            is_new = self._processes.exited(event, self._decoder.entry(data))
        elif isinstance(event, ProcessMoved | ProcessRenamed):
            is_new = self._processes.changed(event)
        if is_new:
            self.forget_stop(event)
            self._pending.append(event)

    def receive_urgent(self, data: bytes) -> None:
        """A record of the other ring: a breach or a stop."""
        event = self._decoded(data)
        if event is None:
            return
        if not (self._fuses and isinstance(event, FuseBlown) and not self._fuses.accept(event)):
            self._urgent.append(event)

    def _decoded(self, data: bytes) -> Event | None:
        """None for a record that cannot be decoded, after one that could be.

        EbpftraceError where it is the first one: the programs are of another version then. No
        later record ends the watch, whatever a process did at the same moment.
        """
        try:
            event = self._decoder.record(data)
        except EbpftraceError:
            if not self._has_decoded:
                raise
            self.undecodable += 1
            return None
        self._has_decoded = True
        return event

    def add_stops(self, stops: Iterable[FuseBlown]) -> None:
        """Stops that were found in the map."""
        self._urgent += stops

    def events(self, rings: Rings) -> list[Event]:
        """The next slice; breaches and stops come first where there is more than that."""
        rings.take_urgent()
        rings.take()
        if not rings.caught_up:
            return self._take_urgent() + self._take_pending()
        pending, urgent = self._take_pending(), self._urgent
        self._urgent = []
        return list(heapq.merge(pending, urgent, key=lambda event: event.time_ns))

    def breaches(self, rings: Rings) -> list[Breached]:
        """Only the breaches; stops wait for `events` or `urgent`."""
        rings.take_urgent()
        breaches = [event for event in self._urgent if isinstance(event, Breached)]
        if breaches:
            self._urgent = [it for it in self._urgent if not isinstance(it, Breached)]
        return breaches

    def urgent(self, rings: Rings) -> list[Event]:
        """Breaches and stops, with the starts of stopped processes not reported yet."""
        rings.take_urgent()
        return self._take_urgent()

    def forget_stop(self, event: Event) -> None:
        """A process that ended is not stopped any more; one that executed a program may be."""
        if self._fuses and isinstance(event, ProcessExited) and not event.executed:
            self._fuses.forget(event.key)

    def _take_pending(self) -> list[Event]:
        events, self._pending = self._pending, []
        return events

    def _take_urgent(self) -> list[Event]:
        urgent, self._urgent = self._urgent, []
        return [event for one in urgent for event in (*self._start_of(one), one)]

    def _start_of(self, event: Event) -> Iterator[Event]:
        if isinstance(event, FuseBlown):
            yield from self._processes.find(event.time_ns, event.key)
