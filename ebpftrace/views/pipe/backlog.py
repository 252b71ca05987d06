"""A bounded queue of records for a slow reader; dropped records are counted and reported."""

import time
from collections import deque
from typing import NamedTuple

from ebpftrace.ledger import LossNote, Note
from ebpftrace.units import MIB
from ebpftrace.views.notes import note_format

LIMIT_BYTES = 8 * MIB
"""A few minutes of output on a busy node, a few hours on an idle one."""

CAUSE = "unread_output"

_OVERHEAD_BYTES = 256  # memory of a record besides its text: tuple, integers, allocator


class _QueuedRecord(NamedTuple):
    number: int  # in order of arrival
    time_ns: int
    monotonic_ns: int
    record: bytes


class Backlog:
    """Whole records in order of arrival, in at most `limit_bytes` of memory.

    A full backlog drops its oldest routine record, or its oldest of all when it has no
    routine ones. A record longer than the limit is kept while it is the only one. A
    LossNote with the number of dropped records takes the place of the last of them.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._peak_bytes = 0
        self._added = 0
        self._routine: deque[_QueuedRecord] = deque()
        self._important: deque[_QueuedRecord] = deque()
        self._last_dropped: _QueuedRecord | None = None
        self._dropped = 0  # not yet reported
        self._dropped_ever = 0

    def add(self, record: bytes, *, routine: bool) -> None:
        """Queue a record; routine ones are dropped first."""
        self._added += 1
        queued = _QueuedRecord(self._added, time.time_ns(), time.monotonic_ns(), record)
        while self._used_bytes and self._used_bytes + _size(queued) > self._limit_bytes:
            if not self._routine and routine:
                self._drop(queued)
                return
            oldest = (self._routine or self._important).popleft()
            self._used_bytes -= _size(oldest)
            self._drop(oldest)
        (self._routine if routine else self._important).append(queued)
        self._used_bytes += _size(queued)
        self._peak_bytes = max(self._peak_bytes, self._used_bytes)

    def take(self) -> bytes | LossNote | None:
        """The next record to write, or a loss to report; None if the backlog is empty."""
        queues = [queue for queue in (self._routine, self._important) if queue]
        queue = min(queues, key=lambda queue: queue[0].number, default=None)
        gap = self._last_dropped
        if gap is not None and (queue is None or gap.number < queue[0].number):
            return self._take_loss(gap)
        if queue is None:
            return None
        queued = queue.popleft()
        self._used_bytes -= _size(queued)
        return queued.record

    def take_peak_bytes(self) -> int:
        """The most bytes held since the last call."""
        peak, self._peak_bytes = self._peak_bytes, self._used_bytes
        return peak

    def _drop(self, queued: _QueuedRecord) -> None:
        if self._last_dropped is None or self._last_dropped.number < queued.number:
            self._last_dropped = queued._replace(record=b"")
        self._dropped += 1

    def _take_loss(self, gap: _QueuedRecord) -> LossNote:
        count, self._dropped, self._last_dropped = self._dropped, 0, None
        self._dropped_ever += count
        return LossNote(gap.time_ns, gap.monotonic_ns, CAUSE, count, self._dropped_ever)


def is_routine(note: Note) -> bool:
    """True for notes that a slow reader can do without: starts, exits, stalls, pressure."""
    return note_format(note).emphasis not in {"warning", "alarm"}


def _size(queued: _QueuedRecord) -> int:
    return len(queued.record) + _OVERHEAD_BYTES
