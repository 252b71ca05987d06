"""`--changes`: records of what changed, with a whole snapshot first and once a minute."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ebpftrace.act.incident.records import Record
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.records import changes_record, snapshot_record

WHOLE_NS = 60 * NS_PER_SECOND
"""A reader that has missed a record has all figures again by then."""


class Listed(NamedTuple):
    """What a record lists: of a whole snapshot all jobs, else those that changed."""

    jobs: Sequence[JobSnapshot]
    since: int | None = None  # the sequence number of the snapshot before; None: whole
    gone: Sequence[str] = ()


class SnapshotChanges:
    """Compares each snapshot with the one before: an unchanged job is the same object."""

    def __init__(self) -> None:
        self._before: Mapping[str, JobSnapshot] = {}  # by key
        self._sequence = 0
        self._whole_ns: int | None = None

    def listed(self, snapshot: Snapshot) -> Listed:
        """What the record of the next snapshot lists."""
        before, since, now_ns = self._before, self._sequence, snapshot.monotonic_ns
        jobs = self._before = {job.identity.key: job for job in snapshot.jobs}
        self._sequence = snapshot.sequence
        if self._whole_ns is None or now_ns - self._whole_ns >= WHOLE_NS:
            self._whole_ns = now_ns
            return Listed(snapshot.jobs)
        changed = [job for key, job in jobs.items() if before.get(key) is not job]
        return Listed(changed, since, [key for key in before if key not in jobs])

    def record(self, snapshot: Snapshot) -> Record:
        """The record of the next snapshot."""
        listed = self.listed(snapshot)
        if listed.since is None:
            return snapshot_record(snapshot)
        return changes_record(snapshot, listed.since, listed.jobs, listed.gone)
