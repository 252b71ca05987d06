"""The fuses of one watch: armed after every snapshot, and who stands because of them.

The kernel side stops; here is decided who of a job is acted on, and everybody else is let
go. Whoever stands is held by `act/holding`, so that none is forgotten however we end.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ebpftrace.act.fuse.arming import Arming
from ebpftrace.act.fuse.bounds import (
    BEYOND,
    BoundKey,
    bounds_of,
    fuse_for,
    higher,
    not_yet,
    place_of,
)
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.news import first_news, later_news
from ebpftrace.act.fuse.raised import RaisedBounds
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Policy
from ebpftrace.errors import GoneError
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, KnownProcess, ProcessSnapshot, Snapshot
from ebpftrace.probe import FuseControl
from ebpftrace.units import NS_PER_SECOND

_UNKNOWN_NS = NS_PER_SECOND // 2


class Holder(Protocol):
    """Whoever wakes the stopped when we die, as `ebpftrace.act.fuse.holding.Holding`."""

    def hold(self, key: ProcessKey) -> str: ...

    def let_go(self, key: ProcessKey) -> None: ...

    def release(self, key: ProcessKey) -> None: ...


@dataclass(frozen=True, slots=True)
class StoppedProcess:
    """One that was stopped; who and where it is was told by a snapshot since."""

    event: FuseBlown
    news: FuseEvent
    policy: Policy
    fuse: Fuse


class Fusebox:
    """`stopped`, `ended` as events come; `settle` and `arm` with each snapshot."""

    def __init__(
        self, switch: FuseControl, holder: Holder, *, unix_ns: Callable[[int], int]
    ) -> None:
        self._switch = switch
        self._arming = Arming(switch)
        self._holder = holder
        self._unix_ns = unix_ns
        self._new: dict[ProcessKey, FuseBlown] = {}  # no snapshot has told who that is
        self._standing: dict[ProcessKey, StoppedProcess] = {}
        self._raised = RaisedBounds()
        self._snapshot: Snapshot | None = None
        self._over = False

    @property
    def standing(self) -> tuple[StoppedProcess, ...]:
        """Who stands, the one that was stopped first first."""
        return tuple(self._standing.values())

    @property
    def unsettled(self) -> bool:
        """Whether somebody stands of whom the next snapshot has to tell."""
        return bool(self._new)

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a limit, where a fuse is a share of it: it cannot blow."""
        return self._arming.unlimited

    def stopped(self, event: FuseBlown) -> str:
        """The kernel stopped one: held from now on. What is weaker than it should be, or ""."""
        try:
            weaker = self._holder.hold(event.key)
        except GoneError:
            return ""  # its end is told next
        self._new[event.key] = event
        return weaker

    def ended(self, key: ProcessKey, now_ns: int) -> Iterator[FuseEvent]:
        """One has ended; if it stood, that is news."""
        self._raised.forget(key)
        found = None if self._snapshot is None else _find(self._snapshot, key)
        if found is not None:
            self._arming.freeing(found[0].identity.cgroup_id, now_ns)
        event = self._new.pop(key, None)
        one = self._standing.pop(key, None)
        if one is not None or event is not None:
            self._holder.release(key)
        if one is not None:
            yield self._later(one, FuseEventKind.ENDED, now_ns)

    def settle(self, policies: Sequence[Policy], snapshot: Snapshot) -> Iterator[FuseEvent]:
        """Who they are that were stopped since the last snapshot.

        One that no fuse of a policy is for goes on at once, and is exempt.
        """
        self._snapshot = snapshot
        for key, event in list(self._new.items()):
            found = _find(snapshot, key)
            if found is None:
                if snapshot.monotonic_ns - event.time_ns > _UNKNOWN_NS:
                    self._exempt(key)  # the books never had it: it is nobody's to stop
                continue
            job, process = found
            meant = fuse_for(policies, process, job.identity)
            if meant is None:
                self._exempt(key)
                continue
            policy, fuse = meant
            if not_yet(fuse, job):
                self._go_on(key, policies, snapshot)
                continue
            del self._new[key]
            who = KnownProcess(job.identity, process.comm, process.role, job.cgroup.limit_bytes)
            news = self._first(FuseEventKind.STOPPED, event, who, policy)
            self._standing[key] = StoppedProcess(event, news, policy, fuse)
            yield news

    def killed(
        self, event: FuseBlown, policies: Sequence[Policy], who: KnownProcess
    ) -> FuseEvent | None:
        """One was killed by the kernel side; None where no policy asked for that."""
        meant = fuse_for(policies, who, who.job)
        return (
            None if meant is None else self._first(FuseEventKind.KILLED, event, who, meant[0])
        )

    def let_go(self, key: ProcessKey, now_ns: int) -> Iterator[FuseEvent]:
        """It goes on, and is stopped again: higher up, if there is no less than there was.

        The bound is raised first: nobody is to be stopped between that and the signal.
        """
        one = self._standing.pop(key, None)
        if one is None:
            return
        event, news = one.event, one.news
        place = place_of(one.fuse, key, event.cgroup_id)
        now_at = self._measured(one)
        bound: int | None = event.bound_bytes
        if now_at >= event.bound_bytes:
            bound = higher(now_at, event.bound_bytes, news.limit_bytes)
            # Where no stop is left the bound is beyond anything that there is.
            raised = bound if bound is not None else BEYOND
            self._raised.put(place, raised, measured_bytes=now_at)
            if not self._over:
                self._arming.put(place, one.fuse.scope, raised, event.signal)
        self._wake(key)
        yield self._later(one, FuseEventKind.THAWED, now_ns, None if self._over else bound)

    def let_all_go(self, now_ns: int) -> Iterator[FuseEvent]:
        """The watch ends: no bound is left, and nobody stands."""
        self._arming.disarm()
        self._over = True
        for key in list(self._new):
            self._exempt(key)
        for key in list(self._standing):
            yield from self.let_go(key, now_ns)

    def arm(
        self,
        policies: Sequence[Policy],
        snapshot: Snapshot,
        exhausted: Callable[[JobIdentity, Policy], str],
    ) -> None:
        """Have the kernel side hold what the policies ask for, by what the books say now."""
        self._raised.come_down(snapshot, self._places())
        bounds = bounds_of(policies, snapshot, self._raised.bounds, exhausted)
        self._arming.arm(bounds, snapshot.monotonic_ns)

    def executed(self, key: ProcessKey) -> None:
        """It is another program now, whose memory has no bounds but the kernel's default."""
        self._arming.executed(key)

    def _go_on(self, key: ProcessKey, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """It was stopped for the sum of several jobs: the bound is put right, and it goes."""
        event = self._new.pop(key)
        bound, number = bounds_of(policies, snapshot, self._raised.bounds).groups.get(
            event.cgroup_id, (BEYOND, event.signal)
        )
        self._arming.put(event.cgroup_id, FuseScope.JOB, bound, number)
        self._wake(key)

    def _exempt(self, key: ProcessKey) -> None:
        self._new.pop(key, None)
        self._arming.exempt(key)
        self._wake(key)

    def _wake(self, key: ProcessKey) -> None:
        """It is struck off the kernel's list, woken, and no longer held, in this order: at
        any moment one of these would wake it if we died."""
        self._switch.clear_stop(key)
        self._holder.let_go(key)

    def _places(self) -> frozenset[BoundKey]:
        """Whose bounds those that stand have crossed."""
        return frozenset(
            place_of(one.fuse, key, one.event.cgroup_id) for key, one in self._standing.items()
        )

    def _measured(self, one: StoppedProcess) -> int:
        """What its bound is compared with, by the last snapshot."""
        snapshot, event = self._snapshot, one.event
        found = None if snapshot is None else _find(snapshot, event.key)
        if snapshot is None or found is None or snapshot.monotonic_ns < event.time_ns:
            return event.measured_bytes
        job, process = found
        return {
            FuseScope.PROCESS: process.own.held_bytes,
            FuseScope.JOB: job.usage.held_bytes,
            FuseScope.CHARGE: job.cgroup.charge_bytes,
        }[event.scope]

    def _later(
        self,
        one: StoppedProcess,
        word: FuseEventKind,
        now_ns: int,
        next_bound: int | None = None,
    ) -> FuseEvent:
        return later_news(
            one.news,
            word,
            one.event,
            one.fuse,
            now_ns=now_ns,
            time_ns=self._unix_ns(now_ns),
            next_bound_bytes=next_bound,
        )

    def _first(
        self, word: FuseEventKind, event: FuseBlown, who: KnownProcess, policy: Policy
    ) -> FuseEvent:
        return first_news(word, event, who, policy, time_ns=self._unix_ns(event.time_ns))


def _find(snapshot: Snapshot, key: ProcessKey) -> tuple[JobSnapshot, ProcessSnapshot] | None:
    return next(
        ((job, one) for job in snapshot.jobs for one in job.processes if one.key == key), None
    )
