"""How much the processes of a cgroup that are not watched have held at their most lately.

No fuse stops them. If they may take all that is left once more, a watched process that is at
its backstop is not resumed for another stop, which would come too late.
"""

from dataclasses import dataclass

from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.units import NS_PER_SECOND

_PERIOD_NS = 300 * NS_PER_SECOND
_LAG_SHARE = 0.01  # of the limit: what a snapshot may have missed of it


@dataclass(slots=True)
class _Highest:
    """Of the period that runs, and of the one before; bytes."""

    began_ns: int
    now: int
    before: int = 0

    def add(self, time_ns: int, value: int) -> None:
        if time_ns - self.began_ns >= _PERIOD_NS:
            self.began_ns, self.before, self.now = time_ns, self.now, value
        self.now = max(self.now, value)


class UntrackedPeaks:
    """Call `observe` with each snapshot. Bounded by the cgroups that the snapshot has."""

    def __init__(self) -> None:
        self._highest: dict[int, _Highest] = {}  # by cgroup id

    def observe(self, snapshot: Snapshot) -> None:
        """What they hold in the cgroups of this snapshot."""
        before, self._highest = self._highest, {}
        for job in snapshot.jobs:
            held = _untracked_bytes(job)
            if held is None:
                continue
            cgroup_id = job.identity.cgroup_id
            highest = before.get(cgroup_id) or _Highest(snapshot.monotonic_ns, held)
            highest.add(snapshot.monotonic_ns, held)
            self._highest[cgroup_id] = highest

    def may_take_rest(self, job: JobSnapshot) -> bool:
        """Whether they have held so much more than now that it would not fit any more."""
        highest = self._highest.get(job.identity.cgroup_id)
        held, room = _untracked_bytes(job), job.room_bytes
        limit = job.cgroup.limit_bytes
        if highest is None or held is None or room is None or limit is None:
            return False
        return max(highest.now, highest.before) - held + _LAG_SHARE * limit > room


def _untracked_bytes(job: JobSnapshot) -> int | None:
    """What is taken of the limit beside what tracked processes hold; None without one."""
    limit, room = job.cgroup.limit_bytes, job.room_bytes
    if limit is None or room is None or job.cgroup.contents is None:
        return None
    return max(0, limit - room - job.group_usage.held_bytes)
