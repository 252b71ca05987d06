"""The fuses of one watch: armed after every snapshot, and who stands because of them.

The kernel side stops; here is decided who of a job is acted on, and everybody else is let
go. Whoever stands is held by `act/holding`, so that none is forgotten however we end.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ebpftrace.act.fuse import Fuse, FuseNews, FuseWord
from ebpftrace.act.fuse_bounds import (
    EXEMPT,
    Bounds,
    Place,
    bounds_of,
    fuse_for,
    higher,
    not_yet,
    place_of,
)  # fmt: skip
from ebpftrace.act.fuse_words import next_in_words, with_sentence
from ebpftrace.act.policy import Policy
from ebpftrace.errors import GoneError
from ebpftrace.events import FuseBlown, FuseOf, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot, Who
from ebpftrace.units import NS_PER_SECOND

_LOWER = 0.9  # of what it was raised at: one that holds less has the old bound again
_BEYOND = 1 << 62  # bytes: a bound that nobody meets
_FREEING_NS = 3 * NS_PER_SECOND  # the kernel frees a large process in a second or two
_UNKNOWN_NS = NS_PER_SECOND // 2


class Switch(Protocol):
    """The kernel side's fuses, as `ebpftrace.probe.fuses.Fuses` has them."""

    def arm_process(
        self, key: ProcessKey, own_bytes: int, charge_bytes: int, signal: int
    ) -> None: ...

    def arm_group(self, cgroup_id: int, held_bytes: int, signal: int) -> None: ...

    def let_go(self, key: ProcessKey) -> None: ...


class Holder(Protocol):
    """Whoever wakes the stopped when we die, as `ebpftrace.act.holding.Holding`."""

    def hold(self, key: ProcessKey) -> str: ...

    def let_go(self, key: ProcessKey) -> None: ...

    def release(self, key: ProcessKey) -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """One that was stopped; who and where it is was told by a snapshot since."""

    event: FuseBlown
    news: FuseNews
    policy: Policy
    fuse: Fuse


class Fusebox:
    """`stopped`, `ended` as events come; `settle` and `arm` with each snapshot."""

    def __init__(
        self, switch: Switch, holder: Holder, *, unix_ns: Callable[[int], int]
    ) -> None:
        self._switch = switch
        self._holder = holder
        self._unix_ns = unix_ns
        self._new: dict[ProcessKey, FuseBlown] = {}  # no snapshot has told who that is
        self._standing: dict[ProcessKey, Standing] = {}
        self._raised: dict[Place, int] = {}
        self._raised_at: dict[Place, int] = {}  # what was measured as it was raised
        self._armed = Bounds()
        # Cgroups, by id, in which one ended, and by when its memory is given back.
        self._freed_by: dict[int, int] = {}
        self._snapshot: Snapshot | None = None
        self._over = False

    @property
    def standing(self) -> tuple[Standing, ...]:
        """Who stands, the one that was stopped first first."""
        return tuple(self._standing.values())

    @property
    def unsettled(self) -> bool:
        """Whether somebody stands of whom the next snapshot has to tell."""
        return bool(self._new)

    @property
    def unlimited(self) -> frozenset[str]:
        """Names of jobs without a limit, where a fuse is a share of it: it cannot blow."""
        return self._armed.unlimited

    def stopped(self, event: FuseBlown) -> str:
        """The kernel stopped one: held from now on. What is weaker than it should be, or ""."""
        try:
            weaker = self._holder.hold(event.key)
        except GoneError:
            return ""  # its end is told next
        self._new[event.key] = event
        return weaker

    def ended(self, key: ProcessKey, now_ns: int) -> Iterator[FuseNews]:
        """One has ended; if it stood, that is news."""
        self._raised.pop(key, None)
        self._raised_at.pop(key, None)
        found = None if self._snapshot is None else _find(self._snapshot, key)
        if found is not None:
            self._freed_by[found[0].identity.cgroup_id] = now_ns + _FREEING_NS
        event = self._new.pop(key, None)
        one = self._standing.pop(key, None)
        if one is not None or event is not None:
            self._holder.release(key)
        if one is not None:
            yield self._word(one, FuseWord.ENDED, now_ns)

    def settle(self, policies: Sequence[Policy], snapshot: Snapshot) -> Iterator[FuseNews]:
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
            if not_yet(fuse, job, snapshot):
                self._go_on(key, policies, snapshot)
                continue
            del self._new[key]
            who = Who(job.identity, process.comm, process.role, job.cgroup.limit_bytes)
            news = self._news(FuseWord.STOPPED, event, who, policy)
            self._standing[key] = Standing(
                event, with_sentence(news, fuse, event), policy, fuse
            )
            yield self._standing[key].news

    def killed(self, event: FuseBlown, policies: Sequence[Policy], who: Who) -> FuseNews | None:
        """One was killed by the kernel side; None where no policy asked for that."""
        meant = fuse_for(policies, who, who.job)
        if meant is None:
            return None
        news = self._news(FuseWord.KILLED, event, who, meant[0])
        return with_sentence(news, meant[1], event)

    def let_go(self, key: ProcessKey, now_ns: int) -> Iterator[FuseNews]:
        """It goes on, and is stopped again: higher up, if there is no less than there was.

        The bound is raised first: nobody is to be stopped between that and the signal. Then
        it is struck off the kernel's list, woken, and no longer held, in this order: at any
        moment one of these would wake it if we died.
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
            self._raised[place] = bound if bound is not None else _BEYOND
            self._raised_at[place] = now_at
            if not self._over:
                self._raise(place, one)
        self._switch.let_go(key)
        self._holder.let_go(key)
        yield self._word(one, FuseWord.THAWED, now_ns, None if self._over else bound)

    def let_all_go(self, now_ns: int) -> Iterator[FuseNews]:
        """The watch ends: no bound is left, and nobody stands."""
        for key in self._armed.processes:
            self._switch.arm_process(key, 0, 0, EXEMPT)
        for cgroup_id in self._armed.groups:
            self._switch.arm_group(cgroup_id, 0, 0)
        self._armed = Bounds()
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
        self._forget_raised(snapshot)
        bounds = self._kept_up(
            bounds_of(policies, snapshot, self._raised, exhausted), snapshot.monotonic_ns
        )
        for key, armed in bounds.processes.items():
            if self._armed.processes.get(key) != armed:
                self._switch.arm_process(key, *armed)
        for cgroup_id, (bound, number) in bounds.groups.items():
            if self._armed.groups.get(cgroup_id) != (bound, number):
                self._switch.arm_group(cgroup_id, bound, number)
        for cgroup_id in self._armed.groups.keys() - bounds.groups.keys():
            self._switch.arm_group(cgroup_id, 0, 0)
        self._armed = bounds

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

    def executed(self, key: ProcessKey) -> None:
        """It is another program now, whose memory has no bounds but the kernel's default."""
        if key in self._armed.processes:
            processes = {k: v for k, v in self._armed.processes.items() if k != key}
            self._armed = replace(self._armed, processes=processes)

    def _go_on(self, key: ProcessKey, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """It was stopped for the sum of several jobs: the bound is put right, and it goes."""
        event = self._new.pop(key)
        bound, number = bounds_of(policies, snapshot, self._raised).groups.get(
            event.cgroup_id, (_BEYOND, event.signal)
        )
        self._switch.arm_group(event.cgroup_id, bound, number)
        self._switch.let_go(key)
        self._holder.let_go(key)

    def _exempt(self, key: ProcessKey) -> None:
        self._new.pop(key, None)
        self._switch.arm_process(key, 0, 0, EXEMPT)
        self._switch.let_go(key)
        self._holder.let_go(key)

    def _raise(self, place: Place, one: Standing) -> None:
        bound, number = self._raised[place], one.event.signal
        if isinstance(place, int):
            self._switch.arm_group(place, bound, number)
        elif one.fuse.of is FuseOf.PROCESS:
            self._switch.arm_process(place, bound, 0, number)
        else:
            self._switch.arm_process(place, 0, bound, number)

    def _forget_raised(self, snapshot: Snapshot) -> None:
        """A bound comes down again once what it is of has come down."""
        held: dict[Place, int] = {}
        for job in snapshot.jobs:
            held[job.identity.cgroup_id] = job.usage.held_bytes
            for process in job.processes:
                held[process.key] = max(process.own.held_bytes, job.cgroup.charge_bytes)
        busy = {
            place_of(one.fuse, key, one.event.cgroup_id) for key, one in self._standing.items()
        }
        for place, at in list(self._raised_at.items()):
            if place not in busy and held.get(place, 0) < at * _LOWER:
                del self._raised_at[place], self._raised[place]

    def _measured(self, one: Standing) -> int:
        """What its bound is compared with, by the last snapshot."""
        snapshot, event = self._snapshot, one.event
        found = None if snapshot is None else _find(snapshot, event.key)
        if snapshot is None or found is None or snapshot.monotonic_ns < event.time_ns:
            return event.measured_bytes
        job, process = found
        return {
            FuseOf.PROCESS: process.own.held_bytes,
            FuseOf.JOB: job.usage.held_bytes,
            FuseOf.CHARGE: job.cgroup.charge_bytes,
        }[event.of]

    def _word(
        self, one: Standing, word: FuseWord, now_ns: int, bound: int | None = None
    ) -> FuseNews:
        news = replace(
            one.news,
            word=word,
            next_bound_bytes=bound,
            stood_ns=max(0, now_ns - one.event.time_ns),
            then="",
            monotonic_ns=now_ns,
            time_ns=self._unix_ns(now_ns),
        )
        return with_sentence(news, one.fuse, one.event)

    def _news(
        self,
        word: FuseWord,
        event: FuseBlown,
        who: Who,
        policy: Policy,
    ) -> FuseNews:
        return FuseNews(
            word=word,
            policy=policy.name,
            job=who.job,
            process=event.key,
            comm=who.comm,
            of=event.of,
            held_bytes=event.held_bytes,
            measured_bytes=event.measured_bytes,
            bound_bytes=event.bound_bytes,
            limit_bytes=who.limit_bytes,
            next_bound_bytes=None,
            stood_ns=0,
            then=next_in_words(policy) if word is FuseWord.STOPPED else "",
            sentence="",
            monotonic_ns=event.time_ns,
            time_ns=self._unix_ns(event.time_ns),
        )


def _find(snapshot: Snapshot, key: ProcessKey) -> tuple[JobSnapshot, ProcessSnapshot] | None:
    return next(
        ((job, one) for job in snapshot.jobs for one in job.processes if one.key == key), None
    )
