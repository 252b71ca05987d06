"""The latest entries: many of all kinds, and apart from them some that matter for longer."""

from collections import deque

from ebpftrace.views.entries import Entry, is_significant

KEPT = 500
"""The tail of events a terminal could show at all; older ones make room."""

KEPT_LASTING = 64


class EventBuffer:
    """Bounded. Appending and popping are atomic in CPython: one thread may add while
    another takes.
    """

    def __init__(self) -> None:
        self._passing: deque[Entry] = deque(maxlen=KEPT)
        self._lasting: deque[Entry] = deque(maxlen=KEPT_LASTING)

    def add(self, entry: Entry) -> None:
        """The newest; it may push off one of its own sort."""
        (self._lasting if is_significant(entry) else self._passing).append(entry)

    def all(self) -> tuple[Entry, ...]:
        """In order of time. For the thread that adds."""
        return _in_order([*self._passing, *self._lasting])

    def take(self) -> tuple[Entry, ...]:
        """In order of time, and forget them."""
        taken: list[Entry] = []
        for entries in (self._passing, self._lasting):
            while entries:
                taken.append(entries.popleft())
        return _in_order(taken)


def _in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.monotonic_ns))
