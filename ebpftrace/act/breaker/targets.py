"""Which processes a firing means."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.act.breaker.shared_blame import parent_with_descendants, same_name_group
from ebpftrace.act.policy.matching import policy_for
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing, UsageSinceSnapshot
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.ledger.held import held_bytes

PART = 1 / 3
"""Who gained or holds less of a job than this is not the one to act on."""

_ENOUGH = 1 / 10  # of a job: whose end makes room for a while
_READ = 64  # of so many processes it is read what they hold, while the breach waits


@dataclass(frozen=True, slots=True)
class TargetSelection:
    """The job, and who of it is meant.

    `others` are meant as `process` is; `kin` are the names of its descendants that end
    after it. `age_ns` is what a policy's grace is held against.
    """

    job: JobSnapshot
    process: ProcessSnapshot
    age_ns: int
    others: tuple[ProcessSnapshot, ...] = ()
    kin: frozenset[str] = frozenset()


def select_targets(
    policies: Sequence[Policy], firing: Firing, snapshot: Snapshot
) -> TargetSelection | str:
    """Who is meant, or why nobody is.

    Of a whole job that is the process that gained most (or holds most, where it is not
    gain that was judged) of those the policy is for, if that is a third of the job's:
    ending another would not help. Where none is, a parent with all below it, or those of
    one name together. Crash monitors and children that still share their parent's memory
    are never meant.
    """
    policy, subject, more = firing.policy, firing.finding.subject, firing.more
    job = next((one for one in snapshot.jobs if one.identity.key == subject.job.key), None)
    if job is None:
        return "the job is gone"
    mine = [
        one
        for one in job.processes
        # One that a fuse stopped grows by itself, whatever it still shares.
        if (one.state == "running" or firing.blown)
        and not one.role
        and policy_for(policies, one.comm, job.identity) is policy
    ]
    if subject.process is not None:
        process = next((one for one in mine if one.key == subject.process), None)
        return (
            "the process is gone"
            if process is None
            else TargetSelection(job, process, process.age_ns)
        )
    in_all = more.size_bytes if more else 0
    gained = job.growth.bytes_60s + in_all
    gains = firing.finding.measures_gain and gained > 0
    since = _since(job, more)
    parts = {
        one.key: (one.growth.bytes_60s if gains else one.own.held_bytes) + since.get(one.key, 0)
        for one in job.processes
    }
    # What went with children that ended hides what those gained that replaced them.
    whole = max(
        gained if gains else held_bytes(job) + in_all,
        sum(max(0, part) for part in parts.values()),
    )
    if firing.blown and (running := _runaway(firing, job, mine)) is not None:
        return TargetSelection(job, running, running.age_ns)
    largest = max(mine, key=lambda one: parts[one.key], default=None)
    if largest is None:
        return "none of its processes is one that the policy is for"
    enough = PART * whole
    if parts[largest.key] >= enough:
        return TargetSelection(job, largest, largest.age_ns)
    if found := parent_with_descendants(
        [one for one in job.processes if not one.role], mine, parts, enough
    ):
        return TargetSelection(job, found.parent, found.parent.age_ns, kin=found.kin)
    if members := same_name_group(mine, parts, enough):
        # Each may be short-lived; what they do together has an age of its own.
        building = snapshot.monotonic_ns - firing.finding.since_ns
        oldest = max(one.age_ns for one in members)
        return TargetSelection(job, members[0], max(oldest, building), others=members[1:])
    did = "gained" if gains else "holds"
    return f"{largest.comm} {largest.pid} {did} less than a third of it"


def _runaway(
    firing: Firing, job: JobSnapshot, mine: Sequence[ProcessSnapshot]
) -> ProcessSnapshot | None:
    """Who grew most just before the fuse blew, if ending it would help.

    A minute is too long a memory here: who started up half a minute ago and rests has
    gained more in it than the runaway.
    """
    gained = {one.key: max(0, firing.lately.get(one.key, 0)) for one in job.processes}
    most = max(mine, key=lambda one: gained[one.key], default=None)
    if most is None or gained[most.key] < PART * sum(gained.values()):
        return None
    helps = most.own.held_bytes >= _ENOUGH * job.usage.held_bytes
    return most if gained[most.key] and helps else None


def _since(job: JobSnapshot, more: UsageSinceSnapshot | None) -> dict[ProcessKey, int]:
    """How much more each holds than the snapshot says: bytes.

    The kernel tells who took the last page of many; where there are several, who took
    how much is read.
    """
    if more is None:
        return {}
    if len(job.processes) == 1:
        return {more.process: more.size_bytes}
    found = {}
    for one in job.processes[:_READ]:
        status, usage = proc.read_status(one.pid), one.counters.usage
        if status is not None:
            held = status.anon_bytes + status.shmem_bytes + status.swap_bytes
            found[one.key] = held - usage.held_bytes
    return found
