"""The processes that the fuses of one watch have stopped.

Everything that happens to a stopped process goes through the table in `states.py`.
"""

from collections.abc import Callable, Iterable, Sequence

from ebpftrace.act.fuse.bounds import bound_key, fuse_for
from ebpftrace.act.fuse.effects import FuseEffects, Holder, find
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import first_event
from ebpftrace.act.fuse.job_bound import (
    is_below_bound,
    is_of_shared_limit,
    nearest_share,
    of_job_alone,
)
from ebpftrace.act.fuse.ladder import at_stop
from ebpftrace.act.fuse.states import (
    FINAL,
    FuseStop,
    StoppedProcess,
    StopState,
    StopTrigger,
    UnexpectedTriggerError,
    transition,
)
from ebpftrace.act.policy.policy import Policy
from ebpftrace.errors import GoneError
from ebpftrace.events import FuseBlown, ProcessKey
from ebpftrace.host.pidfd import is_alive
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import KnownProcess, Snapshot
from ebpftrace.probe import FuseControl
from ebpftrace.units import NS_PER_SECOND

_IDENTIFY_NS = NS_PER_SECOND // 2  # a snapshot has a process by then, or never


def _raise(message: str) -> None:
    raise UnexpectedTriggerError(message)


class FuseController:
    """Call `identify` and `arm` with each snapshot, the other methods as things happen.

    Methods return what there is to report. `unexpected` gets the message of a trigger that
    has no transition, which is then ignored; the default raises it.
    """

    def __init__(
        self,
        control: FuseControl,
        holder: Holder,
        *,
        unix_ns: Callable[[int], int],
        unexpected: Callable[[str], None] = _raise,
    ) -> None:
        self._holder = holder
        self._unix_ns = unix_ns
        self._unexpected = unexpected
        self._effects = FuseEffects(control, holder, unix_ns)
        self._stops: dict[ProcessKey, FuseStop] = {}  # in their order

    @property
    def stopped(self) -> tuple[StoppedProcess, ...]:
        """The identified stopped processes, in the order of their stops."""
        return tuple(stop.process for stop in self._stops.values() if stop.process)

    @property
    def has_unidentified(self) -> bool:
        """Whether a stopped process waits for a snapshot."""
        return any(stop.state is StopState.UNIDENTIFIED for stop in self._stops.values())

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a memory limit whose fuse is a share of it: it never acts."""
        return self._effects.unlimited

    def state(self, key: ProcessKey) -> StopState:
        """RUNNING where no fuse has stopped it, or no longer."""
        stop = self._stops.get(key)
        return StopState.RUNNING if stop is None else stop.state

    def find(self, key: ProcessKey) -> StoppedProcess | None:
        """The process, if it is stopped and identified."""
        stop = self._stops.get(key)
        return None if stop is None else stop.process

    def kernel_stop(self, blown: FuseBlown) -> str:
        """The kernel stopped a process; returns what is wrong with its holding, or ""."""
        try:
            weakness = self._holder.hold(blown.key)
        except GoneError:
            return ""  # the event of its end comes next
        self._apply(self._stops.get(blown.key) or FuseStop(blown), StopTrigger.KERNEL_STOP)
        return weakness

    def kernel_kill(
        self, blown: FuseBlown, policies: Sequence[Policy], process: KnownProcess
    ) -> FuseEvent | None:
        """The kernel killed a process; None if no policy has a fuse for it."""
        found = fuse_for(policies, process, process.job)
        if found is None:
            return None
        policy, fuse = found
        job = self._effects.job(process.job.key)
        blown = blown if job is None else of_job_alone(blown, fuse, job)
        return self._first(FuseEventKind.KILLED, blown, process, policy)

    def identify(self, policies: Sequence[Policy], snapshot: Snapshot) -> list[FuseEvent]:
        """Decide on each process stopped since the last snapshot: keep it stopped, or not."""
        self._effects.use(policies, snapshot)
        events = self._forget_sharers(snapshot.monotonic_ns)
        for stop in list(self._stops.values()):
            if stop.state is StopState.UNIDENTIFIED:
                trigger = self._identify(stop, policies, snapshot)
                if trigger is not None:
                    events += self._apply(stop, trigger, snapshot.monotonic_ns)
        return events

    def target(self, keys: Iterable[ProcessKey]) -> None:
        """An incident is about these, and all that share their memory.

        Those that are not stopped are ignored.
        """
        for key in keys:
            for stop in self._stops_of(key):
                if stop.process is not None:
                    self._apply(stop, StopTrigger.TARGET)

    def resume(self, key: ProcessKey, now_ns: int) -> list[FuseEvent]:
        """Resume a process, and all that share its memory.

        Its bound is raised unless its usage has dropped.
        """
        events: list[FuseEvent] = []
        for stop in self._stops_of(key):
            events += self._apply(stop, StopTrigger.RESUME, now_ns)
        return events

    def executed(self, key: ProcessKey) -> None:
        """A process called exec; its new memory has only the kernel's default bound."""
        self._effects.executed(key)
        self._happened(key, StopTrigger.EXECUTE)

    def ended(self, key: ProcessKey, now_ns: int) -> list[FuseEvent]:
        """A process has ended, stopped or not."""
        self._effects.ended(key, now_ns)
        return self._happened(key, StopTrigger.END, now_ns)

    def close(self, now_ns: int) -> list[FuseEvent]:
        """The watch ends: remove all bounds, then resume all stopped processes."""
        self._effects.disarm()
        events: list[FuseEvent] = []
        for key in list(self._stops):
            events += self._happened(key, StopTrigger.WATCH_END, now_ns)
        return events

    def arm(
        self,
        policies: Sequence[Policy],
        snapshot: Snapshot,
        budget_refusal: Callable[[JobIdentity, Policy], str],
    ) -> None:
        """Set all bounds in the kernel as policies and snapshot have them."""
        crossed = {process.bound_key for process in self.stopped}
        self._effects.arm(policies, snapshot, budget_refusal, crossed)

    def _identify(
        self, stop: FuseStop, policies: Sequence[Policy], snapshot: Snapshot
    ) -> StopTrigger | None:
        blown = stop.blown
        found = find(snapshot, blown.tracked)
        if found is None:
            late = snapshot.monotonic_ns - blown.time_ns > _IDENTIFY_NS
            return StopTrigger.EXEMPT if late else None
        job, process = found
        match = fuse_for(policies, process, job.identity)
        if match is None:
            return StopTrigger.EXEMPT
        policy, fuse = match
        room = self._effects.room(job)
        if is_below_bound(fuse, job, room):
            return StopTrigger.CORRECT_BOUND
        limit_bytes, limit_name = job.cgroup.limit_bytes, ""
        if room is not None and is_of_shared_limit(fuse, job, room):
            limit_bytes, limit_name = room.limit.limit_bytes, room.words
        known = KnownProcess(
            job.identity, process.comm, process.role, limit_bytes, process.exec_name
        )
        # Where untracked processes took the rest, or may, no further stop would hold them.
        by_others = blown.scope is not fuse.scope and self._effects.others_took_most(job)
        by_others = by_others or self._effects.others_may_take_rest(job)
        now = policy if by_others else at_stop(policy, nearest_share(job))
        blown = of_job_alone(blown, fuse, job)
        event = self._first(FuseEventKind.STOPPED, blown, known, now, limit_name)
        key = bound_key(fuse, blown.tracked, blown.cgroup_id)
        stop.process = StoppedProcess(event, policy, fuse, key, blown.tracked)
        return StopTrigger.IDENTIFY

    def _stops_of(self, key: ProcessKey) -> list[FuseStop]:
        """The stops of a process, and of those that share its memory."""
        stops = self._stops.values()
        return [stop for stop in stops if key in (stop.blown.key, stop.blown.tracked)]

    def _forget_sharers(self, now_ns: int) -> list[FuseEvent]:
        """The end of a process that is not tracked itself is reported by no event."""
        events: list[FuseEvent] = []
        for stop in list(self._stops.values()):
            if stop.blown.owner is not None and not is_alive(stop.blown.key):
                self._effects.forget(stop.blown.key)
                events += self._apply(stop, StopTrigger.END, now_ns)
        return events

    def _happened(
        self, key: ProcessKey, trigger: StopTrigger, now_ns: int = 0
    ) -> list[FuseEvent]:
        stop = self._stops.get(key)
        return [] if stop is None else self._apply(stop, trigger, now_ns)

    def _apply(self, stop: FuseStop, trigger: StopTrigger, now_ns: int = 0) -> list[FuseEvent]:
        """Take the transition; the process is in its new state before the first effect."""
        try:
            to = transition(stop.state, trigger)
        except UnexpectedTriggerError as error:
            self._unexpected(f"{error}: ignored for process {stop.blown.key.pid}")
            return []
        stop.state = to.state
        if to.state in FINAL:
            del self._stops[stop.blown.key]
        else:
            self._stops[stop.blown.key] = stop
        done = [self._effects.perform(effect, stop, now_ns) for effect in to.effects]
        return [event for event in done if event is not None]

    def _first(
        self,
        kind: FuseEventKind,
        blown: FuseBlown,
        process: KnownProcess,
        policy: Policy,
        limit_name: str = "",
    ) -> FuseEvent:
        time_ns = self._unix_ns(blown.time_ns)
        return first_event(kind, blown, process, policy, limit_name, time_ns=time_ns)
