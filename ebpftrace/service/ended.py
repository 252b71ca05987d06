"""Jobs that ended, kept for a time: one scrape sees the peak of a job between two."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ebpftrace.job_shares import JobSlots, nodes_of
from ebpftrace.ledger import JobSnapshot, JobState, Snapshot
from ebpftrace.ledger.curve import Curve
from ebpftrace.service.state import EndedJob

_MOST = 4096


class EndedJobs:
    """Those that have no process since `keep_ns` at most; the longest ended leave first.

    A user may invent jobs without end: they take no place of those in other cgroups.
    """

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._ended: dict[str, EndedJob] = {}
        self._paths: dict[str, list[int]] = {}  # of the same
        self._slots = JobSlots(_MOST)
        self._dropped: set[str] = set()  # of those that the ledger still has
        self._frozen: Mapping[str, EndedJob] = MappingProxyType({})

    def update(self, snapshot: Snapshot) -> Mapping[str, EndedJob]:
        """With this snapshot's jobs. The same object as before if nothing changed."""
        now_ns, changed = snapshot.monotonic_ns, False
        before, self._dropped = self._dropped, set()
        for job in snapshot.jobs:
            key = job.identity.key
            known = self._ended.get(key)
            if job.state is JobState.RUNNING:
                if known is not None:
                    self._remove(key)
                    changed = True
            elif key in before or key in self._dropped:
                self._dropped.add(key)
            elif known is None or known.job.peak_bytes != job.peak_bytes:
                since_ns = now_ns if known is None else known.since_ns
                if known is None:
                    self._make_room(key, job)
                self._ended[key] = EndedJob(_without_curves(job), since_ns)
                changed = True
        for key in list(self._ended):
            if now_ns - self._ended[key].since_ns < self._keep_ns:
                break
            self._drop(key)
            changed = True
        if changed:
            self._frozen = MappingProxyType(dict(self._ended))
        return self._frozen

    def _make_room(self, key: str, job: JobSnapshot) -> None:
        """For one more in this cgroup: the longest ended leave where there are too many."""
        path = nodes_of(job.identity.cgroup)
        while (full := self._slots.full_node(path)) is not None:
            others = (it for it, nodes in self._paths.items() if full in (0, *nodes))
            self._drop(next(others))
        self._slots.take(path)
        self._paths[key] = path

    def _drop(self, key: str) -> None:
        """It does not return while the ledger has it."""
        self._remove(key)
        self._dropped.add(key)

    def _remove(self, key: str) -> None:
        del self._ended[key]
        self._slots.give_back(self._paths.pop(key))


def _without_curves(job: JobSnapshot) -> JobSnapshot:
    nothing = Curve()
    return replace(job, processes=(), curve=nothing, held_curve=nothing, charge_curve=nothing)
