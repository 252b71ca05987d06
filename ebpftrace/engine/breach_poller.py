"""Handles breaches also in the middle of a tick that takes long."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ebpftrace.events import Breached, Event
from ebpftrace.heap import uncollected
from ebpftrace.probe import Probe

if TYPE_CHECKING:
    from ebpftrace.engine.breaker_driver import BreakerDriver

PAUSE_NS = 1_000_000
"""Reading their ring costs some microseconds: once a millisecond that does not matter."""

_AT_ONCE = 4
"""Slices of breaches that are handled before anything else."""

_REPORTED_AT_ONCE = 64
"""Events: where thousands of processes run already, all at once would fill the output."""


class BreachPoller:
    """Polled between the parts of a tick, so that a breach need not wait for its end.

    With hundreds of processes a tick takes tens of milliseconds. A breach can be handled at
    any time: it is judged by the marks of the last snapshot, and its target is looked up
    anew. A stop is handled in its turn, after what is queued already.
    """

    def __init__(
        self,
        probe: Probe,
        breaker: "BreakerDriver | None",
        queue: deque[Event],
        clock: Callable[[], int],
    ) -> None:
        self._probe = probe
        self._breaker = breaker
        self._queue = queue
        self._clock = clock
        self._due_ns = 0
        self._events = 0
        self.report: Callable[[], None] = lambda: None
        """Called between many events, to report what has happened so far."""

    def breaches(self) -> None:
        """Handle new breaches before anything else is read: hooks wait for them.

        So do the hooks of breaches that happen meanwhile: what passed the first mark of its
        bound soon passes the bound.
        """
        if self._breaker is None:
            return
        with uncollected():
            for _ in range(_AT_ONCE):
                breaches = self._probe.breaches()
                if not breaches:
                    return
                for event in breaches:
                    self._breaker.handle_breach(event)

    def before_event(self) -> None:
        """Call it before each event is handled."""
        self._events += 1
        if self._events % _REPORTED_AT_ONCE == 0:
            self.report()
        self.poll()

    def poll(self) -> None:
        """Handle new breaches, and append stops to the queue."""
        if self._breaker is None or self._clock() < self._due_ns:
            return
        for event in self._probe.urgent():
            if isinstance(event, Breached):
                self._breaker.handle_breach(event)
            else:
                self._queue.append(event)
        self._breaker.poll()
        self._due_ns = self._clock() + PAUSE_NS
