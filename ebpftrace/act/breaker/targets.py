"""Selects the processes of a job that an incident is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ebpftrace.act.breaker.shared_blame import parent_with_descendants, same_name_group
from ebpftrace.act.policy.matching import policy_for
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing, UsageSinceSnapshot
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

TARGET_SHARE = 1 / 3
"""A target accounts for at least this share of what the job gained, or holds."""

NOT_FOR_THIS_JOB = "the policy matches none of its processes"
"""Why there is no target where the policy is for other jobs."""

_MIN_HELD_SHARE = 1 / 10  # of the job: ending a smaller process makes no room
_MAX_READ = 64  # processes whose usage is read while the breach waits


@dataclass(frozen=True, slots=True)
class TargetSelection:
    """A job, and its processes to act on.

    `others` are the further members of a group; `descendant_names` are the names of the
    descendants of `process` that end after it. A policy's grace applies to `age_ns`.
    """

    job: JobSnapshot
    process: ProcessSnapshot
    age_ns: int
    others: tuple[ProcessSnapshot, ...] = ()
    descendant_names: frozenset[str] = frozenset()


def select_targets(
    policies: Sequence[Policy], firing: Firing, snapshot: Snapshot
) -> TargetSelection | str:
    """The processes to act on, or the reason why there are none.

    If a whole job was judged, that is the process that gained most (or holds most, if no
    gain was judged) among those that the policy matches, if that is a third of the job's;
    ending a smaller one would not help. Without one it is a parent with its descendants,
    or the processes of one name together. A forked child counts by what is its own, without
    what it shows of its parent's. Crash monitors are never selected.
    """
    policy, subject = firing.policy, firing.finding.subject
    job = next((it for it in snapshot.jobs if it.identity.key == subject.job.key), None)
    if job is None:
        return "the job has ended"
    candidates = [
        process
        for process in job.processes
        if not process.role
        and policy_for(policies, process.comm, job.identity, process.exec_name) is policy
    ]
    if subject.process is not None:
        judged = next((it for it in candidates if it.key == subject.process), None)
        return _one(job, judged) if judged else "the process has ended"
    if firing.by_fuse and (fastest := _fastest_growing(job, candidates)) is not None:
        return _one(job, fastest)
    return _largest_part(firing, snapshot, job, candidates)


def _one(job: JobSnapshot, process: ProcessSnapshot) -> TargetSelection:
    return TargetSelection(job, process, process.age_ns)


def _largest_part(
    firing: Firing,
    snapshot: Snapshot,
    job: JobSnapshot,
    candidates: Sequence[ProcessSnapshot],
) -> TargetSelection | str:
    since_snapshot = firing.since_snapshot
    job_gain = since_snapshot.gained_bytes if since_snapshot else 0
    gained = job.growth.bytes_60s + job_gain
    by_gain = firing.finding.measures_gain and gained > 0
    gains = _gains(job, since_snapshot)
    parts = {
        it.key: (it.growth.bytes_60s if by_gain else it.own.held_bytes) + gains.get(it.key, 0)
        for it in job.processes
    }
    # Processes that ended hide what their replacements gained: the sum may be larger.
    whole = max(
        gained if by_gain else job.held_bytes + job_gain,
        sum(max(0, part) for part in parts.values()),
    )
    largest = max(candidates, key=lambda it: parts[it.key], default=None)
    if largest is None:
        return NOT_FOR_THIS_JOB
    enough = TARGET_SHARE * whole
    if parts[largest.key] >= enough:
        return _one(job, largest)
    without_role = [process for process in job.processes if not process.role]
    if found := parent_with_descendants(without_role, candidates, parts, enough):
        names = found.descendant_names
        age_ns = found.parent.age_ns
        return TargetSelection(job, found.parent, age_ns, descendant_names=names)
    if members := same_name_group(candidates, parts, enough):
        # The members may be short-lived; what they do together has an age of its own.
        growing_ns = snapshot.monotonic_ns - firing.finding.since_ns
        age_ns = max(growing_ns, *(member.age_ns for member in members))
        return TargetSelection(job, members[0], age_ns, others=members[1:])
    verb, of_job = ("gained", "the job's growth") if by_gain else ("holds", "the job's memory")
    return f"{largest.comm} {largest.pid} {verb} less than a third of {of_job}"


def _fastest_growing(
    job: JobSnapshot, candidates: Sequence[ProcessSnapshot]
) -> ProcessSnapshot | None:
    """The process that grew most just before the fuse blew, if ending it would help.

    The growth of the last minute does not show it: a process that started half a minute ago
    and is idle since may have gained more in it.
    """
    gained = {it.key: max(0, it.recent_growth_bytes) for it in job.processes}
    fastest = max(candidates, key=lambda it: gained[it.key], default=None)
    if fastest is None or gained[fastest.key] < TARGET_SHARE * sum(gained.values()):
        return None
    helps = fastest.own.held_bytes >= _MIN_HELD_SHARE * job.usage.held_bytes
    return fastest if gained[fastest.key] and helps else None


def _gains(
    job: JobSnapshot, since_snapshot: UsageSinceSnapshot | None
) -> Mapping[ProcessKey, int]:
    """How much each process gained since the snapshot, in bytes.

    The kernel side names the process of the last page only; if the job has several
    processes, the gain of each is read from /proc.
    """
    if since_snapshot is None:
        return {}
    if len(job.processes) == 1:
        return {since_snapshot.process: since_snapshot.gained_bytes}
    gains = {}
    for process in job.processes[:_MAX_READ]:
        status, usage = proc.read_status(process.pid), process.counters.usage
        if status is not None:
            held = status.anon_bytes + status.shmem_bytes + status.swap_bytes
            gains[process.key] = held - usage.held_bytes
    return gains
