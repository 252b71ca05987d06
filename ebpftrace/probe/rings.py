"""What the kernel side reports: two rings, read in slices.

However much is reported, a slice takes some milliseconds and some kilobytes. What is not
read yet stays in the ring, and what has no room there is counted as lost by the kernel.
"""

import struct
from collections.abc import Callable

from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs

SLICE_RECORDS = 64
SLICE_NS = 4_000_000
"""Decoding a record takes some ten microseconds, handling it up to a few hundred."""


class Rings:
    """`receive` gets the records, and `receive_urgent` the breaches and stops."""

    def __init__(
        self,
        programs: Programs,
        receive: Callable[[bytes], None],
        receive_urgent: Callable[[bytes], None],
        ring_bytes: int,
    ) -> None:
        self._records = programs.open_ring("records", receive)
        self._urgent = programs.open_ring("urgent", receive_urgent)
        self._round_fd = programs.map_fd("ring_round")
        self._round = self._round_begun = 0
        # More than a share: all that a cgroup wrote in the round before has been read by then.
        self._round_bytes = ring_bytes

    @property
    def fds(self) -> tuple[int, int]:
        """Readable when there are records."""
        return self._urgent.fd, self._records.fd

    @property
    def caught_up(self) -> bool:
        """Whether the last `take` read all records."""
        return self._records.caught_up

    @property
    def written(self) -> int:
        """Bytes of records that were written so far."""
        return self._records.produced

    def has_read(self, position: int) -> bool:
        """Whether all that had been written when `written` was this has been read."""
        return self._records.consumed >= position

    def take_urgent(self) -> None:
        """Pass on a slice of the breaches and stops."""
        self._urgent.drain(SLICE_RECORDS, SLICE_NS)

    def take(self, records: int = SLICE_RECORDS, ns: int = SLICE_NS) -> None:
        """Pass on a slice of the records."""
        self._records.drain(records, ns)
        read = self._records.consumed
        since = read - self._round_begun
        if since >= self._round_bytes or (since and self.caught_up):
            self._round += 1
            self._round_begun = read
            bpf.update(self._round_fd, bytes(4), struct.pack("=Q", self._round))
