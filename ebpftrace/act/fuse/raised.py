"""Bounds of fuses that were put higher, since one that had crossed them was let go."""

from collections.abc import Collection
from dataclasses import dataclass

from ebpftrace.act.fuse.bounds import BoundKey
from ebpftrace.ledger import Snapshot

_LOWER = 0.9  # of what it was raised at: one that holds less has the old bound again


@dataclass(frozen=True, slots=True)
class _Raised:
    bound_bytes: int
    measured_bytes: int  # as it was raised


class RaisedBounds:
    """`put` as one is let go; `come_down` with each snapshot."""

    def __init__(self) -> None:
        self._raised: dict[BoundKey, _Raised] = {}

    @property
    def bounds(self) -> dict[BoundKey, int]:
        """Bytes, by whose they are."""
        return {place: one.bound_bytes for place, one in self._raised.items()}

    def put(self, place: BoundKey, bound_bytes: int, *, measured_bytes: int) -> None:
        """Have this bound from now on, where so much was measured."""
        self._raised[place] = _Raised(bound_bytes, measured_bytes)

    def forget(self, place: BoundKey) -> None:
        """It is gone."""
        self._raised.pop(place, None)

    def come_down(self, snapshot: Snapshot, busy: Collection[BoundKey]) -> None:
        """A bound comes down again once what it is of has come down.

        Not of those that are `busy`: somebody stands there.
        """
        held: dict[BoundKey, int] = {}
        for job in snapshot.jobs:
            held[job.identity.cgroup_id] = job.usage.held_bytes
            for process in job.processes:
                held[process.key] = max(process.own.held_bytes, job.cgroup.charge_bytes)
        for place, one in list(self._raised.items()):
            if place not in busy and held.get(place, 0) < one.measured_bytes * _LOWER:
                del self._raised[place]
