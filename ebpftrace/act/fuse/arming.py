"""The bounds that the kernel holds now, and the fuses that were raised."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from ebpftrace.act.fuse.bounds import EXEMPT, BoundKey, Bounds, GroupBound, ProcessBound
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import FuseControl
from ebpftrace.units import NS_PER_SECOND

_FREEING_NS = 3 * NS_PER_SECOND  # the kernel frees a large process within a second or two
_DROPPED = 0.9  # of the usage at which a bound was raised: below it the old bound holds again


class Arming:
    """Sets the bounds of each snapshot in the kernel, and skips those that did not change."""

    def __init__(self, control: FuseControl) -> None:
        self._control = control
        self._armed = Bounds()
        # By the id of a cgroup in which a process has ended: until when it frees its memory.
        self._freed_by: dict[int, int] = {}

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a memory limit whose fuse is a share of it: it never acts."""
        return self._armed.unlimited

    def arm(self, bounds: Bounds, now_ns: int) -> None:
        """Set these bounds and no others; `now_ns` is CLOCK_MONOTONIC."""
        bounds = self._without_drops(bounds, now_ns)
        for key, armed in bounds.processes.items():
            if self._armed.processes.get(key) != armed:
                self._control.arm_process(key, *armed)
        for cgroup_id, bound in bounds.groups.items():
            if self._armed.groups.get(cgroup_id) != bound:
                self._control.arm_group(cgroup_id, *bound)
        for cgroup_id in self._armed.groups.keys() - bounds.groups.keys():
            self._control.arm_group(cgroup_id, 0, 0)
        self._armed = bounds

    def middle_bytes(self, cgroup_id: int) -> int | None:
        """Half way from what a cgroup's tracked processes held to their bound, when it was set.

        None unless the charge is compared as well.
        """
        held, bound = self._armed.held.get(cgroup_id), self._armed.groups.get(cgroup_id)
        return None if held is None or bound is None else (held + bound.held_bytes) // 2

    def arm_cgroup(self, bounds: Bounds, cgroup_id: int) -> None:
        """Set the bounds of one cgroup and its processes, of which `bounds` are, at once."""
        group = bounds.groups.get(cgroup_id, GroupBound(0, 0))
        self._control.arm_group(cgroup_id, *group)
        for key, armed in bounds.processes.items():
            if self._armed.processes.get(key) != armed:
                self._control.arm_process(key, *armed)
        self._armed = replace(
            self._armed,
            groups={**self._armed.groups, cgroup_id: group},
            processes={**self._armed.processes, **bounds.processes},
            held={**self._armed.held, **bounds.held},
        )

    def arm_process(self, key: ProcessKey, bound: ProcessBound) -> None:
        """Set the bound of one process at once, before the next snapshot does."""
        self._control.arm_process(key, *bound)
        self._armed = replace(self._armed, processes={**self._armed.processes, key: bound})

    def exempt(self, key: ProcessKey) -> None:
        """Stop this process no more, unless a later snapshot gives it bounds."""
        self._control.arm_process(key, 0, 0, EXEMPT)
        self.executed(key)

    def disarm(self) -> None:
        """Remove all bounds."""
        for key in self._armed.processes:
            self.exempt(key)
        for cgroup_id in self._armed.groups:
            self._control.arm_group(cgroup_id, 0, 0)
        self._armed = Bounds()

    def executed(self, key: ProcessKey) -> None:
        """The kernel has other bounds of a process now: the next snapshot sets them anew.

        A process that called exec has new memory, with only the kernel's default bound.
        """
        if key in self._armed.processes:
            processes = {k: v for k, v in self._armed.processes.items() if k != key}
            self._armed = replace(self._armed, processes=processes)

    def freeing(self, cgroup_id: int, now_ns: int) -> None:
        """A process of this cgroup has ended; its memory is freed within a few seconds."""
        self._freed_by[cgroup_id] = now_ns + _FREEING_NS

    def _without_drops(self, bounds: Bounds, now_ns: int) -> Bounds:
        """The bounds, none lower than now while an ended process frees its memory.

        The cgroup is still charged for that memory, but no process holds it. It looks like
        usage of untracked processes, which would lower the bound of all others.
        """
        self._freed_by = {group: by for group, by in self._freed_by.items() if now_ns < by}
        armed = self._armed.groups
        kept = {
            cgroup_id: max(bound, armed.get(cgroup_id, GroupBound(0, bound.signal)))
            for cgroup_id, bound in bounds.groups.items()
            if cgroup_id in self._freed_by
        }
        return replace(bounds, groups={**bounds.groups, **kept})


@dataclass(frozen=True, slots=True)
class _RaisedFuse:
    fuse: Fuse
    measured_bytes: int  # when it was raised


class RaisedFuses:
    """Fuses raised because a process that had crossed their bound was resumed."""

    def __init__(self) -> None:
        self._raised: dict[BoundKey, _RaisedFuse] = {}

    @property
    def fuses(self) -> dict[BoundKey, Fuse]:
        """By the cgroup or process that their bound is of."""
        return {key: raised.fuse for key, raised in self._raised.items()}

    def set(self, key: BoundKey, fuse: Fuse, *, measured_bytes: int) -> None:
        """Raise a fuse; `measured_bytes` is the usage at this moment."""
        self._raised[key] = _RaisedFuse(fuse, measured_bytes)

    def forget(self, key: BoundKey) -> None:
        """The cgroup or process is gone."""
        self._raised.pop(key, None)

    def drop_unneeded(self, snapshot: Snapshot, stopped: Collection[BoundKey]) -> None:
        """Forget raised fuses whose usage has dropped, except those of `stopped` processes."""
        held: dict[BoundKey, int] = {}
        for job in snapshot.jobs:
            held[job.identity.cgroup_id] = job.group_usage.held_bytes
            for process in job.processes:
                # The bound may be of either: the process or the charge of its cgroup.
                held[process.key] = max(process.own.held_bytes, job.cgroup.charge_bytes)
        for key, raised in list(self._raised.items()):
            if key not in stopped and held.get(key, 0) < raised.measured_bytes * _DROPPED:
                del self._raised[key]
