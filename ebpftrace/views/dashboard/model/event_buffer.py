"""The latest entries, with room of their own for the significant ones."""

from collections import deque

from ebpftrace.views.entries import Entry, is_significant

KEPT = 500
"""More than a terminal can show; the oldest are dropped."""

KEPT_SIGNIFICANT = 64


class EventBuffer:
    """A bounded buffer. One thread may add while another takes: deques are thread-safe."""

    def __init__(self) -> None:
        self._routine: deque[Entry] = deque(maxlen=KEPT)
        self._significant: deque[Entry] = deque(maxlen=KEPT_SIGNIFICANT)

    def add(self, entry: Entry) -> None:
        """Add the newest entry; it may displace the oldest of its own sort."""
        (self._significant if is_significant(entry) else self._routine).append(entry)

    def all(self) -> tuple[Entry, ...]:
        """All entries in order of time. Only for the thread that adds."""
        return _in_order([*self._routine, *self._significant])

    def take(self) -> tuple[Entry, ...]:
        """Remove and return all entries in order of time."""
        taken: list[Entry] = []
        for entries in (self._routine, self._significant):
            while entries:
                taken.append(entries.popleft())
        return _in_order(taken)


def _in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.monotonic_ns))
