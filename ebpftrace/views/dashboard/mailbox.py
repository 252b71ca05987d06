"""Hands the newest snapshot and all events from the engine to the drawing thread.

There is no lock: the engine must not wait, and a signal handler on its thread must not
find the lock held. Attribute assignment and deque.append are atomic in CPython.
"""

import os

from ebpftrace.ledger import Snapshot
from ebpftrace.views.dashboard.model.event_buffer import EventBuffer
from ebpftrace.views.entries import Entry
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedByKey


class Mailbox:
    """The engine puts, the drawing thread takes. A snapshot replaces an unread earlier one."""

    def __init__(self) -> None:
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.started: Started | None = None
        self.snapshot: Snapshot | None = None
        self.stopped: StoppedByKey = {}
        self._entries = EventBuffer()

    def wake(self) -> None:
        """Wake the drawing thread. Harmless after it ended, until `close`."""
        os.eventfd_write(self.wake_fd, 1)

    def put_entry(self, entry: Entry) -> None:
        self._entries.add(entry)
        self.wake()

    def put_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.wake()

    def put_stopped(self, stopped: StoppedByKey) -> None:
        """Replace all stopped processes. Unlike entries, they are never dropped."""
        self.stopped = stopped
        self.wake()

    def take_entries(self) -> tuple[Entry, ...]:
        """The entries put since the last call, oldest first."""
        return self._entries.take()

    def woken(self) -> None:
        """Clear the wake-up. Call it before reading: a later `put` wakes again."""
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            return  # already cleared

    def close(self) -> None:
        os.close(self.wake_fd)
