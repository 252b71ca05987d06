"""Carries out what a transition of a stopped process asks for, and keeps the bounds armed.

`act/fuse/holding` makes sure that every stopped process is resumed, however the watch ends.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ebpftrace.act.fuse.arming import Arming, RaisedFuses
from ebpftrace.act.fuse.bounds import (
    UNREACHABLE,
    BoundKey,
    compute_bounds,
    process_bound,
)
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import later_event
from ebpftrace.act.fuse.job_bound import bound_in, next_fuse
from ebpftrace.act.fuse.shared_room import SharedRoom, SharedRooms
from ebpftrace.act.fuse.states import FuseStop, StopEffect, StoppedProcess
from ebpftrace.act.fuse.untracked import UntrackedPeaks
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.probe import FuseControl
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.units import PAGE_SIZE


class Holder(Protocol):
    """Resumes the held processes if this one dies: `ebpftrace.act.fuse.holding.Holding`."""

    def hold(self, key: ProcessKey) -> str: ...

    def resume(self, key: ProcessKey) -> None: ...

    def release(self, key: ProcessKey) -> None: ...


class FuseEffects:
    """Call `use` with each snapshot before any effect, and `arm` after."""

    def __init__(
        self, control: FuseControl, holder: Holder, unix_ns: Callable[[int], int]
    ) -> None:
        self._control = control
        self._holder = holder
        self._unix_ns = unix_ns
        self._arming = Arming(control)
        self._raised = RaisedFuses()
        self._shared_rooms = SharedRooms()
        self._untracked = UntrackedPeaks()
        self._rooms: Mapping[str, SharedRoom] = {}
        self._policies: Sequence[Policy] = ()
        self._snapshot: Snapshot | None = None
        self._budget_refusal: Callable[[JobIdentity, Policy], str] = lambda _job, _policy: ""

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a memory limit whose fuse is a share of it: it never acts."""
        return self._arming.unlimited

    def use(self, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """Effects go by these from here on."""
        self._policies, self._snapshot = policies, snapshot
        self._rooms = self._shared_rooms.observe(snapshot)
        self._untracked.observe(snapshot)

    def room(self, job: JobSnapshot) -> SharedRoom | None:
        """The room below the limit that a job shares; None where it shares none."""
        return self._rooms.get(job.identity.key)

    def job(self, key: str) -> JobSnapshot | None:
        """A job as the last snapshot has it."""
        jobs = self._snapshot.jobs if self._snapshot is not None else ()
        return next((job for job in jobs if job.identity.key == key), None)

    def arm(
        self,
        policies: Sequence[Policy],
        snapshot: Snapshot,
        budget_refusal: Callable[[JobIdentity, Policy], str],
        crossed: Collection[BoundKey],
    ) -> None:
        """Set all bounds in the kernel; `crossed` are those that stopped processes are at."""
        self._budget_refusal = budget_refusal
        self._raised.drop_unneeded(snapshot, crossed)
        bounds = compute_bounds(
            policies, snapshot, self._raised.fuses, budget_refusal, self._rooms
        )
        self._arming.arm(bounds, snapshot.monotonic_ns)

    def others_took_most(self, job: JobSnapshot) -> bool:
        """Whether untracked processes took most of what was left when the bounds were set.

        Page tables and the like are charged with the pages that a process takes, so that one
        that grows by itself may cross the bound of the charge first.
        """
        middle = self._arming.middle_bytes(job.identity.cgroup_id)
        return middle is not None and job.group_usage.held_bytes < middle

    def others_may_take_rest(self, job: JobSnapshot) -> bool:
        """Whether untracked processes held so much lately that it would not fit any more."""
        return self._untracked.may_take_rest(job)

    def disarm(self) -> None:
        """Remove all bounds."""
        self._arming.disarm()

    def executed(self, key: ProcessKey) -> None:
        """A process called exec, stopped or not."""
        self._arming.executed(key)

    def ended(self, key: ProcessKey, now_ns: int) -> None:
        """A process has ended, stopped or not."""
        self._raised.forget(key)
        found = None if self._snapshot is None else find(self._snapshot, key)
        if found is not None:
            self._arming.freeing(found[0].identity.cgroup_id, now_ns)

    def forget(self, key: ProcessKey) -> None:
        """A process that only shared the memory of a tracked one has ended."""
        self._control.clear_stop(key)

    def perform(self, effect: StopEffect, stop: FuseStop, now_ns: int) -> FuseEvent | None:
        """Carry out one effect; returns what there is to report."""
        key, process = stop.blown.key, stop.process
        match effect:
            case StopEffect.EXEMPT:
                self._arming.exempt(stop.blown.tracked)
            case StopEffect.CORRECT_BOUND:
                self._arm_at_once(stop.blown.cgroup_id)
            case StopEffect.RESUME:
                # In this order: at any moment something would resume it if we died.
                self._control.clear_stop(key)
                self._holder.resume(key)
            case StopEffect.RELEASE:
                self._holder.release(key)
            case _:
                assert process is not None, f"{effect.name} before it was identified"
                return self._perform_identified(effect, stop, process, now_ns)
        return None

    def _perform_identified(
        self, effect: StopEffect, stop: FuseStop, process: StoppedProcess, now_ns: int
    ) -> FuseEvent | None:
        match effect:
            case StopEffect.RAISE_BOUND:
                stop.next_bound = self._raise_bound(stop.blown, process)
                return None
            case StopEffect.REPORT_STOPPED:
                return process.event
            case StopEffect.REPORT_RESUMED:
                kind, next_bound_bytes = FuseEventKind.THAWED, stop.next_bound
            case _:
                kind, next_bound_bytes = FuseEventKind.ENDED, None
        return later_event(
            process.event,
            kind,
            process.fuse,
            now_ns=now_ns,
            time_ns=self._unix_ns(now_ns),
            next_bound_bytes=next_bound_bytes,
        )

    def _arm_at_once(self, cgroup_id: int) -> None:
        """Set the bounds of a cgroup and its processes as the last snapshot has them."""
        assert self._snapshot is not None
        jobs = [job for job in self._snapshot.jobs if job.identity.cgroup_id == cgroup_id]
        bounds = compute_bounds(
            self._policies, self._snapshot._replace(
            jobs=tuple(jobs)), self._raised.fuses,
            self._budget_refusal, self._rooms,
        )  # fmt: skip
        self._arming.arm_cgroup(bounds, cgroup_id)

    def _raise_bound(self, blown: FuseBlown, process: StoppedProcess) -> int | None:
        """The bound of the next stop, in bytes; None where there is none."""
        snapshot, fuse, of = self._snapshot, process.fuse, process.bound_key
        assert snapshot is not None
        found = find(snapshot, blown.tracked)
        if found is None:
            return blown.bound_bytes  # it ends
        job = found[0]
        read = usage = _usage(blown.scope, *found)
        if snapshot.monotonic_ns < blown.time_ns:
            usage = max(read, blown.measured_bytes)
        if usage < blown.bound_bytes:
            return blown.bound_bytes
        grown = usage - read
        if blown.scope is not fuse.scope:
            usage = _usage(fuse.scope, *found) + grown
        raised = next_fuse(fuse, job, usage, grown_bytes=grown)
        bound = None if raised is None else bound_in(raised, job, self.room(job))
        if bound is not None:
            bound = whole_pages(bound) * PAGE_SIZE  # as in the kernel
        unreachable = replace(fuse, bound=UNREACHABLE, share=False)
        self._raised.set(of, raised or unreachable, measured_bytes=usage)
        if isinstance(of, int):
            self._arm_at_once(of)
        else:
            self._arming.arm_process(of, process_bound(fuse, bound or UNREACHABLE, found[1]))
        return bound


def _usage(scope: FuseScope, job: JobSnapshot, process: ProcessSnapshot) -> int:
    """What a bound of this scope is compared with, in bytes."""
    return {
        FuseScope.PROCESS: process.own.held_bytes,
        FuseScope.JOB: job.group_usage.held_bytes,
        FuseScope.CHARGE: job.cgroup.charge_bytes,
    }[scope]


def find(snapshot: Snapshot, key: ProcessKey) -> tuple[JobSnapshot, ProcessSnapshot] | None:
    """A process of a snapshot, and its job."""
    return next(
        (
            (job, process)
            for job in snapshot.jobs
            for process in job.processes
            if process.key == key
        ),
        None,
    )
