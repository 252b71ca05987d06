"""Records on their way to a reader who is late: bounded, and what was dropped is told."""

import time
from collections import deque
from typing import NamedTuple

from ebpftrace.ledger import LossNote, Note, OomNote
from ebpftrace.units import MIB

LIMIT_BYTES = 8 * MIB
"""Some minutes of a busy node, some hours of a calm one."""

CAUSE = "unread_output"

_OVERHEAD_BYTES = 256  # that a record takes beside its text: tuple, integers, allocator


class _Kept(NamedTuple):
    number: int  # in the order they came
    time_ns: int
    monotonic_ns: int
    record: bytes


class Backlog:
    """Whole records in the order they came, `limit_bytes` of memory at most.

    Where it is full the oldest routine record makes room, and the oldest of all once there
    is none. One that is longer than the limit is kept as long as it is alone. In the place
    of the last that was dropped comes one note that says how many were.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._most_bytes = 0
        self._came = 0
        self._routine: deque[_Kept] = deque()
        self._news: deque[_Kept] = deque()
        self._last_dropped: _Kept | None = None
        self._dropped = 0  # and not yet told
        self._dropped_ever = 0

    def add(self, record: bytes, *, routine: bool) -> None:
        """Keep a record; routine ones are the first to go."""
        self._came += 1
        kept = _Kept(self._came, time.time_ns(), time.monotonic_ns(), record)
        while self._used_bytes and self._used_bytes + _size(kept) > self._limit_bytes:
            if not self._routine and routine:
                self._drop(kept)
                return
            oldest = (self._routine or self._news).popleft()
            self._used_bytes -= _size(oldest)
            self._drop(oldest)
        (self._routine if routine else self._news).append(kept)
        self._used_bytes += _size(kept)
        self._most_bytes = max(self._most_bytes, self._used_bytes)

    def take(self) -> bytes | LossNote | None:
        """What is to be written next; None where nothing is left."""
        queues = [queue for queue in (self._routine, self._news) if queue]
        following = min(queues, key=lambda queue: queue[0].number, default=None)
        gap = self._last_dropped
        if gap is not None and (following is None or gap.number < following[0].number):
            return self._told(gap)
        if following is None:
            return None
        kept = following.popleft()
        self._used_bytes -= _size(kept)
        return kept.record

    def take_most(self) -> int:
        """The most bytes it held since this was last asked."""
        most, self._most_bytes = self._most_bytes, self._used_bytes
        return most

    def _drop(self, kept: _Kept) -> None:
        if self._last_dropped is None or self._last_dropped.number < kept.number:
            self._last_dropped = kept._replace(record=b"")
        self._dropped += 1

    def _told(self, gap: _Kept) -> LossNote:
        count, self._dropped, self._last_dropped = self._dropped, 0, None
        self._dropped_ever += count
        return LossNote(gap.time_ns, gap.monotonic_ns, CAUSE, count, self._dropped_ever)


def is_routine(note: Note) -> bool:
    """Whether a reader who is late can do without it: a process came or went, it waited."""
    return not isinstance(note, LossNote | OomNote)


def _size(kept: _Kept) -> int:
    return len(kept.record) + _OVERHEAD_BYTES
