"""Which job an incident is about where several CI runs fill the bound of one cgroup.

A run is its processes' own word, and the process that crosses the bound may be a calm one of
another run: nothing is ended in the place of what holds, or has grown, much more.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from ebpftrace.act.fuse.bounds import fuse_for
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.format import finding_of
from ebpftrace.act.fuse.states import StoppedProcess
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.events import FuseScope
from ebpftrace.host.reading.owners import owner_of
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot


class Blame(NamedTuple):
    """The job that an incident is to be about, and the policy of what grew there."""

    job: JobIdentity
    policy: Policy

    def firing(self, stop: FuseEvent, target: FuseEvent | None = None) -> Firing:
        """What starts the incident after this stop; `target` limits it to one process."""
        finding = finding_of(stop._replace(job=self.job), target)
        return Firing(self.policy, (finding,), by_fuse=True)


def own_blame(stopped: StoppedProcess) -> Blame:
    """The job of the stopped process itself."""
    return Blame(stopped.event.job, stopped.policy)


def blame_for(
    policies: Sequence[Policy],
    snapshot: Snapshot,
    stopped: StoppedProcess,
    owner: Callable[[int], Hashable] = owner_of,
) -> Blame:
    """The job that has most under the bound at which a process was stopped.

    What it gained in the two seconds before counts twice, and no more than that: else a job
    could fill the cgroup, rest, and have one ended that takes the next page. The jobs of one
    user are weighed together first, since a user can invent as many as it likes. Its own job
    where no other one has more.

    But if what says that it is a crash monitor holds more than the rest of its job, it is that:
    those may have grown between two snapshots, and be idle since.
    """
    blame = own_blame(stopped)
    if stopped.has_own_bound:
        return blame
    beside = [it for it in snapshot.jobs if it.identity.cgroup_id == blame.job.cgroup_id]
    # Its own job comes first, so that another one has to have more.
    beside.sort(key=lambda it: it.identity.key != stopped.job)
    parts = [
        part for job in beside if (part := _Part(job, _under_bound(policies, job))).processes
    ]
    rest = sum(part.rest_bytes for part in parts if part.job.identity.key == stopped.job)
    if sum(part.monitor_bytes for part in parts) > rest:
        return max(parts, key=lambda it: it.monitor_bytes).blame(of=_monitor_bytes)
    if len(parts) < 2:
        return parts[0].blame(of=_weight_bytes) if parts else blame
    return _heaviest(parts, owner).blame(of=_weight_bytes)


def _heaviest(parts: Sequence["_Part"], owner: Callable[[int], Hashable]) -> "_Part":
    """The heaviest job of the user whose jobs are the heaviest together."""
    by_owner: defaultdict[Hashable, list[_Part]] = defaultdict(list)
    for part in parts:
        by_owner[owner(part.largest_pid) or part.job.identity.key].append(part)
    of_owner = max(by_owner.values(), key=lambda of: sum(part.weight_bytes for part in of))
    return max(of_owner, key=lambda part: part.weight_bytes)


_Found = tuple[ProcessSnapshot, Policy]


class _Part(NamedTuple):
    """A job, and those of its processes that are under a bound of the whole cgroup."""

    job: JobSnapshot
    processes: list[_Found]

    @property
    def monitor_bytes(self) -> int:
        return sum(_monitor_bytes(process) for process, _ in self.processes)

    @property
    def rest_bytes(self) -> int:
        held = sum(process.own.held_bytes for process, _ in self.processes)
        return held - self.monitor_bytes

    @property
    def weight_bytes(self) -> int:
        return sum(_weight_bytes(process) for process, _ in self.processes)

    @property
    def largest_pid(self) -> int:
        return max(self.processes, key=lambda it: it[0].own.held_bytes)[0].pid

    def blame(self, of: Callable[[ProcessSnapshot], int]) -> Blame:
        return Blame(self.job.identity, max(self.processes, key=lambda it: of(it[0]))[1])


def _under_bound(policies: Sequence[Policy], job: JobSnapshot) -> list[_Found]:
    found = ((it, fuse_for(policies, it, job.identity)) for it in job.processes)
    return [
        (process, fuse[0])
        for process, fuse in found
        if fuse is not None and fuse[1].scope is FuseScope.JOB
    ]


def _monitor_bytes(process: ProcessSnapshot) -> int:
    return process.own.held_bytes if process.lost_role else 0


def _weight_bytes(process: ProcessSnapshot) -> int:
    held = process.own.held_bytes
    return held + max(0, min(process.recent_growth_bytes, held))
