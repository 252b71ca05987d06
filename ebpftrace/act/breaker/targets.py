"""Selects the processes of a job that an incident is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.act.breaker.judged_parts import judged_parts
from ebpftrace.act.breaker.lazily_freed import spared
from ebpftrace.act.breaker.shared_blame import (
    MAX_GROUP,
    Parts,
    parent_with_descendants,
    same_name_group,
)
from ebpftrace.act.policy.matching import policy_for
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot

TARGET_SHARE = 1 / 3
"""A target accounts for at least this share of what was judged of its job."""

NOT_FOR_THIS_JOB = "the policy matches none of its processes"
"""Why there is no target where the policy is for other jobs."""

_MIN_HELD_SHARE = 1 / 10  # of the job: ending a smaller process makes no room


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
    gain was judged) among those that the policy matches, if that is a third of what was
    judged, and not less than what no watched process accounts for; ending a smaller one
    would not help. Without one it is a parent with its descendants,
    or the processes of one name together. A forked child counts by what is its own, without
    what it shows of its parent's. Crash monitors are never selected; and nothing is ended in
    the place of a process that the policy does not match but that accounts for more.
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
        if judged is None:
            return "the process has ended"
        return spared(firing.finding, judged) or _one(job, judged, snapshot)
    if firing.by_fuse and (monitors := _false_monitors(candidates)):
        age_ns = max(_age_ns(member, snapshot) for member in monitors)
        return TargetSelection(job, monitors[0], age_ns, others=monitors[1:])
    if firing.by_fuse and (fastest := _fastest_growing(job, candidates)) is not None:
        return _one(job, fastest, snapshot)
    return _largest_part(firing, snapshot, job, candidates)


def _one(job: JobSnapshot, process: ProcessSnapshot, snapshot: Snapshot) -> TargetSelection:
    return TargetSelection(job, process, _age_ns(process, snapshot))


def _age_ns(process: ProcessSnapshot, snapshot: Snapshot) -> int:
    """Its age, or that of its memory: one that forks all the time would stay young."""
    return process.age_at(snapshot.monotonic_ns) + process.memory_older_ns


def _largest_part(
    firing: Firing,
    snapshot: Snapshot,
    job: JobSnapshot,
    candidates: Sequence[ProcessSnapshot],
) -> TargetSelection | str:
    judged = judged_parts(job, firing, snapshot.monotonic_ns)
    parts = judged.parts
    largest = max(candidates, key=lambda it: parts[it.key], default=None)
    if largest is None:
        return NOT_FOR_THIS_JOB
    rival = _largest_other(job, candidates, parts)
    third = TARGET_SHARE * judged.whole_bytes
    enough = max(third, 0 if rival is None else parts[rival.key])
    if parts[largest.key] >= enough:
        return judged.held_back(parts[largest.key]) or _one(job, largest, snapshot)
    verb = "gained" if judged.gained else "holds"
    without_role = [process for process in job.processes if not process.role]
    if found := parent_with_descendants(without_role, candidates, parts, enough):
        names = found.descendant_names
        age_ns = _age_ns(found.parent, snapshot)
        return judged.held_back(found.part_bytes) or TargetSelection(
            job, found.parent, age_ns, descendant_names=names
        )
    if members := same_name_group(candidates, parts, enough):
        # The members may be short-lived; what they do together has an age of its own.
        growing_ns = snapshot.monotonic_ns - firing.finding.since_ns
        age_ns = max(growing_ns, *(_age_ns(member, snapshot) for member in members))
        part = sum(parts[member.key] for member in members)
        return judged.held_back(part) or TargetSelection(
            job, members[0], age_ns, others=members[1:]
        )
    if reason := judged.held_back(parts[largest.key]):
        return reason
    if rival is not None and parts[largest.key] >= third:
        return f"{rival.comm} {rival.pid} {verb} more, and the policy does not match it"
    of_job = "the job's growth" if judged.gained else "the job's memory"
    return f"{largest.comm} {largest.pid} {verb} less than a third of {of_job}"


def _largest_other(
    job: JobSnapshot, candidates: Sequence[ProcessSnapshot], parts: Parts
) -> ProcessSnapshot | None:
    """The process with the largest part among those that no incident can be about."""
    keys = {candidate.key for candidate in candidates}
    others = (process for process in job.processes if process.key not in keys)
    return max(others, key=lambda it: parts[it.key], default=None)


def _false_monitors(candidates: Sequence[ProcessSnapshot]) -> tuple[ProcessSnapshot, ...]:
    """What says that it is a crash monitor, if that holds more than all else together.

    They may have grown between two snapshots, and be idle since.
    """
    monitors = sorted(
        (it for it in candidates if it.lost_role), key=lambda it: -it.own.held_bytes
    )
    held = sum(it.own.held_bytes for it in monitors)
    rest = sum(it.own.held_bytes for it in candidates) - held
    return tuple(monitors[:MAX_GROUP]) if held > rest else ()


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
    other = _largest_other(job, candidates, gained)
    if other is not None and gained[other.key] > gained[fastest.key]:
        return None
    helps = fastest.own.held_bytes >= _MIN_HELD_SHARE * job.usage.held_bytes
    return fastest if gained[fastest.key] and helps else None
