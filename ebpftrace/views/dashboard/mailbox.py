"""From the road to the thread that draws: the newest snapshot, and what happened.

There is no lock: the road must not wait, and a signal handler that runs on its thread
must not find it held. Attribute assignment and deque.append are atomic in CPython.
"""

import os

from ebpftrace.ledger import Snapshot
from ebpftrace.views.dashboard.model.event_buffer import EventBuffer
from ebpftrace.views.entries import Entry
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedByKey


class Mailbox:
    """The road puts, the thread takes; a snapshot nobody took is replaced by the next."""

    def __init__(self) -> None:
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.started: Started | None = None
        self.snapshot: Snapshot | None = None
        self.stopped: StoppedByKey = {}
        self._entries = EventBuffer()

    def wake(self) -> None:
        """Make the thread look. Harmless after its end, until `close`."""
        os.eventfd_write(self.wake_fd, 1)

    def put_entry(self, entry: Entry) -> None:
        self._entries.add(entry)
        self.wake()

    def put_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.wake()

    def put_stopped(self, stopped: StoppedByKey) -> None:
        """Whole, unlike the entries, of which some may be pushed off before they are taken."""
        self.stopped = stopped
        self.wake()

    def take_entries(self) -> tuple[Entry, ...]:
        """Those put since the last call, oldest first."""
        return self._entries.take()

    def woken(self) -> None:
        """Clear the wake-up, before looking: what comes later wakes again."""
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            return  # somebody else's wake-up was read already

    def close(self) -> None:
        os.close(self.wake_fd)
