"""Breaches, heard also in the middle of a reading that takes long."""

import time
from collections import deque
from collections.abc import Callable

from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.events import Breached, Event
from ebpftrace.probe import Probe

PAUSE_NS = 1_000_000
"""A look at the ring costs some microseconds: once a millisecond it is lost in the rest."""


class BreachPoller:
    """`between` two parts of a tick: what acts goes on, and nothing else is taken out of turn.

    With hundreds of processes a tick takes tens of milliseconds, and a breach would wait
    for its end. It can be met at any time: it is judged by the last snapshot's marks, and
    whom it means is looked up anew.
    """

    def __init__(
        self,
        probe: Probe,
        acting: BreakerDriver | None,
        queue: deque[Event],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._probe = probe
        self._acting = acting
        self._queue = queue
        self._clock = clock
        self._due_ns = 0

    def between(self) -> None:
        """Meet the breaches there are; all else goes to the end of the queue."""
        if self._acting is None or self._clock() < self._due_ns:
            return
        for event in self._probe.events():
            if isinstance(event, Breached):
                self._acting.breached(event)
            else:
                self._queue.append(event)
        self._acting.poll()
        self._due_ns = self._clock() + PAUSE_NS
