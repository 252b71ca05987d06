"""The kernel side's bounds, as they were put: what did not change is not put again."""

from dataclasses import replace

from ebpftrace.act.fuse.bounds import EXEMPT, BoundKey, Bounds
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.probe import FuseControl
from ebpftrace.units import NS_PER_SECOND

_FREEING_NS = 3 * NS_PER_SECOND  # the kernel frees a large process in a second or two


class Arming:
    """`arm` with each snapshot's bounds; `put` and `exempt` are for one, between snapshots."""

    def __init__(self, switch: FuseControl) -> None:
        self._switch = switch
        self._armed = Bounds()
        # Cgroups, by id, in which one ended, and by when its memory is given back.
        self._freed_by: dict[int, int] = {}

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a limit, where a fuse is a share of it: it cannot blow."""
        return self._armed.unlimited

    def arm(self, bounds: Bounds, now_ns: int) -> None:
        """Have the kernel side hold these from now on, and no other."""
        bounds = self._kept_up(bounds, now_ns)
        for key, armed in bounds.processes.items():
            if self._armed.processes.get(key) != armed:
                self._switch.arm_process(key, *armed)
        for cgroup_id, (bound, number) in bounds.groups.items():
            if self._armed.groups.get(cgroup_id) != (bound, number):
                self._switch.arm_group(cgroup_id, bound, number)
        for cgroup_id in self._armed.groups.keys() - bounds.groups.keys():
            self._switch.arm_group(cgroup_id, 0, 0)
        self._armed = bounds

    def put(self, place: BoundKey, scope: FuseScope, bound_bytes: int, signal: int) -> None:
        """Have this bound at once, and not only with the next snapshot's."""
        if isinstance(place, int):
            self._switch.arm_group(place, bound_bytes, signal)
        elif scope is FuseScope.PROCESS:
            self._switch.arm_process(place, bound_bytes, 0, signal)
        else:
            self._switch.arm_process(place, 0, bound_bytes, signal)

    def exempt(self, key: ProcessKey) -> None:
        """Have no bound at once: this one is not stopped."""
        self._switch.arm_process(key, 0, 0, EXEMPT)

    def disarm(self) -> None:
        """No bound is left."""
        for key in self._armed.processes:
            self.exempt(key)
        for cgroup_id in self._armed.groups:
            self._switch.arm_group(cgroup_id, 0, 0)
        self._armed = Bounds()

    def executed(self, key: ProcessKey) -> None:
        """It is another program now, whose memory has no bounds but the kernel's default."""
        if key in self._armed.processes:
            processes = {k: v for k, v in self._armed.processes.items() if k != key}
            self._armed = replace(self._armed, processes=processes)

    def freeing(self, cgroup_id: int, now_ns: int) -> None:
        """One ended there, and gives back its memory for a while yet."""
        self._freed_by[cgroup_id] = now_ns + _FREEING_NS

    def _kept_up(self, bounds: Bounds, now_ns: int) -> Bounds:
        """No bound comes down while one that ended gives back its memory.

        It is charged for that still, and held by nobody: as of strangers, who leave that
        much less to everybody else.
        """
        self._freed_by = {one: by for one, by in self._freed_by.items() if now_ns < by}
        armed = self._armed.groups
        kept = {
            cgroup_id: max((bound, number), armed.get(cgroup_id, (0, number)))
            for cgroup_id, (bound, number) in bounds.groups.items()
            if cgroup_id in self._freed_by
        }
        return replace(bounds, groups={**bounds.groups, **kept})
