"""Jobs that ended, kept for a time: one scrape sees the peak of a job between two."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ebpftrace.ledger import JobSnapshot, JobState, Snapshot
from ebpftrace.ledger.curve import Curve
from ebpftrace.service.state import EndedJob

_MOST = 4096


class EndedJobs:
    """Those that have no process since `keep_ns` at most; the longest ended leave first."""

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._ended: dict[str, EndedJob] = {}
        self._dropped: set[str] = set()  # of those that the ledger still has
        self._frozen: Mapping[str, EndedJob] = MappingProxyType({})

    def update(self, snapshot: Snapshot) -> Mapping[str, EndedJob]:
        """With this snapshot's jobs. The same object as before if nothing changed."""
        now_ns, changed = snapshot.monotonic_ns, False
        still_known: set[str] = set()
        for job in snapshot.jobs:
            key = job.identity.key
            known = self._ended.get(key)
            if job.state is JobState.RUNNING:
                if known is not None:
                    del self._ended[key]
                    changed = True
            elif key in self._dropped:
                still_known.add(key)
            elif known is None or known.job.peak_bytes != job.peak_bytes:
                since_ns = now_ns if known is None else known.since_ns
                self._ended[key] = EndedJob(_without_curves(job), since_ns)
                changed = True
        self._dropped = still_known
        before = len(self._ended)
        while self._ended:
            first = next(iter(self._ended))
            is_old = now_ns - self._ended[first].since_ns >= self._keep_ns
            if not is_old and len(self._ended) <= _MOST:
                break
            del self._ended[first]
            self._dropped.add(first)
        if changed or len(self._ended) < before:
            self._frozen = MappingProxyType(dict(self._ended))
        return self._frozen


def _without_curves(job: JobSnapshot) -> JobSnapshot:
    nothing = Curve()
    return replace(job, processes=(), curve=nothing, held_curve=nothing, charge_curve=nothing)
