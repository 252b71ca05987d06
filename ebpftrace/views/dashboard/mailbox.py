"""From the road to the thread that draws: the newest snapshot, and what happened.

There is no lock: the road must not wait, and a signal handler that runs on its thread
must not find it held. Attribute assignment and deque.append are atomic in CPython.
"""

import os
from collections import deque

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.start import Started

KEPT_NOTES = 500
"""The tail of events a terminal could show at all; older ones make room."""


class Mailbox:
    """The road puts, the thread takes; a snapshot nobody took is replaced by the next."""

    def __init__(self) -> None:
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.started: Started | None = None
        self.snapshot: Snapshot | None = None
        self._notes: deque[Note] = deque(maxlen=KEPT_NOTES)

    def wake(self) -> None:
        """Make the thread look. Harmless after its end, until `close`."""
        os.eventfd_write(self.wake_fd, 1)

    def put_note(self, note: Note) -> None:
        self._notes.append(note)
        self.wake()

    def put_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.wake()

    def take_notes(self) -> list[Note]:
        """Those put since the last call, oldest first."""
        taken: list[Note] = []
        while self._notes:
            taken.append(self._notes.popleft())
        return taken

    def woken(self) -> None:
        """Clear the wake-up, before looking: what comes later wakes again."""
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            return  # somebody else's wake-up was read already

    def close(self) -> None:
        os.close(self.wake_fd)
