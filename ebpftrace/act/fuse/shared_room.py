"""How near a limit is that a job shares, and how much it may gain before it is to blame."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.sharing import LEAST_SHARE, PART
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.ledger.climbs.floor import FINE_NS
from ebpftrace.ledger.held import SharedLimit
from ebpftrace.ledger.series import CLOSEST_NS


@dataclass(frozen=True, slots=True)
class SharedRoom:
    """A shared limit, as it bounds one job. Sizes are bytes."""

    limit: SharedLimit
    other_jobs: int
    blameless_bytes: int
    """What the job may gain until it is what brought the limit nearer."""
    growing_jobs: int
    """How many jobs brought it nearer: what is left is theirs in equal parts."""

    @property
    def words(self) -> str:
        """`the limit of 230 MiB of /node, shared with one other job`."""
        return words.limit_of(self.limit.limit_bytes, self.limit.path, self.other_jobs)

    def left_bytes(self, share: float) -> int:
        """What is left until this share of the limit is taken; negative beyond it."""
        return round(share * self.limit.limit_bytes) - self.limit.taken_bytes

    def part_bytes(self, share: float) -> int:
        """What one job may gain until it is stopped at this share."""
        left = self.left_bytes(share)
        part = left // max(1, self.growing_jobs) if left > 0 else left
        return max(part, self.blameless_bytes)


class _Lowest:
    """The lowest value of the last two minutes."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, int]] = deque()  # each lower than all after it

    def add(self, now_ns: int, value: int) -> int:
        """The gain from the lowest value to this one."""
        steps = self._steps
        while steps and steps[-1][1] >= value:
            steps.pop()
        if not steps or now_ns - steps[-1][0] >= CLOSEST_NS:
            steps.append((now_ns, value))
        while len(steps) > 1 and steps[0][0] < now_ns - FINE_NS:
            steps.popleft()
        return max(0, value - steps[0][1])


class SharedRooms:
    """Shared limits of the last snapshots: `observe` each."""

    def __init__(self) -> None:
        self._taken: dict[int, _Lowest] = {}  # by the id of the cgroup with the limit
        self._held: dict[str, _Lowest] = {}  # by the key of the job

    def observe(self, snapshot: Snapshot) -> Mapping[str, SharedRoom]:
        """The rooms by the key of the job, for those that share a limit."""
        now = snapshot.monotonic_ns
        sharing = [(job, shared) for job in snapshot.jobs if (shared := job.shared_limit)]
        if not sharing:
            self._taken, self._held = {}, {}
            return {}
        limits = {shared.cgroup_id: shared for _, shared in sharing}
        self._taken = {key: self._taken.get(key) or _Lowest() for key in limits}
        self._held = {
            job.identity.key: self._held.get(job.identity.key) or _Lowest()
            for job, _ in sharing
        }
        taken = {key: self._taken[key].add(now, it.taken_bytes) for key, it in limits.items()}
        gains = {job.identity.key: self._gain(job, now) for job, _ in sharing}
        blameless = {
            job.identity.key: _blameless(gains[job.identity.key], taken[shared.cgroup_id],
                                         shared.limit_bytes)
            for job, shared in sharing
        }  # fmt: skip
        growing = Counter(
            shared.cgroup_id for job, shared in sharing if not blameless[job.identity.key]
        )
        return {
            job.identity.key: SharedRoom(
                limits[shared.cgroup_id], job.other_jobs, blameless[job.identity.key],
                growing[shared.cgroup_id],
            )
            for job, shared in sharing
        }  # fmt: skip

    def _gain(self, job: JobSnapshot, now_ns: int) -> int:
        """A job that started meanwhile has gained all it holds."""
        gained = self._held[job.identity.key].add(now_ns, job.held_bytes)
        return max(gained, job.growth.bytes_60s)


def _blameless(gained: int, taken: int, limit_bytes: int) -> int:
    """What a job may gain until it has a third of what was gained below the limit.

    As the judge has it: `ebpftrace.judge.sharing.grew`.
    """
    until_part = (PART * taken - gained) / (1 - PART)
    until_least = LEAST_SHARE * limit_bytes - gained
    return max(0, round(until_part), round(until_least))
