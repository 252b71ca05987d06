"""The fuses' place on the road: who was stopped, whom an incident is about, who goes on."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.breaker.create_incident import has_new_name
from ebpftrace.act.fuse.box import Fusebox, StoppedProcess
from ebpftrace.act.fuse.events import FuseEvent, UserCommand, UserCommandKind
from ebpftrace.act.fuse.format import finding_of
from ebpftrace.act.incident.outcome import BreakerEvent
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.host.pidfd import is_alive
from ebpftrace.ledger import KnownProcess, Snapshot
from ebpftrace.units import NS_PER_SECOND

_BY_HAND = "by hand"
_EXEC_NS = 2 * NS_PER_SECOND  # nobody stands for ever because the books lost a record


class FuseIncidents:
    """Between the kernel's stops, the breaker's incidents and the view.

    `tell` gets every piece of news, `say` the breaker's words, `remark` what else there is.
    """

    def __init__(
        self,
        box: Fusebox,
        breaker: Breaker,
        *,
        tell: Callable[[FuseEvent], None],
        say: Callable[[Iterable[BreakerEvent]], None],
        remark: Callable[[str], None],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._box = box
        self._clock = clock
        self._breaker = breaker
        self._tell, self._say, self._remark = tell, say, remark
        # Jobs whose standing wait for an incident; whether whoever was meant has ended.
        self._attended: dict[str, bool] = {}
        self._gone: set[ProcessKey] = set()  # since somebody stands
        self._waiting = False  # somebody stands whose turn it is
        self._acted_on: set[ProcessKey] = set()  # whom an incident is or was about
        self._relieved: set[str] = set()  # jobs of which whoever was meant has ended
        self._snapshot: Snapshot | None = None
        self._unlimited: frozenset[str] = frozenset()  # of which that was said
        self._last = ""  # sentence that was told

    @property
    def wants_look(self) -> bool:
        """Whether the books are to be read now, not at the next tick: somebody stands."""
        return self._box.unsettled or bool(self._relieved) or self._waiting

    def killed(
        self, event: FuseBlown, policies: Sequence[Policy], who: KnownProcess | None
    ) -> None:
        """The kernel killed one; `who` that is, as the books have it."""
        news = None if who is None else self._box.killed(event, policies, who)
        if news is None:
            self._remark(f"a fuse killed {event.key.pid}, whom the books do not have")
            return
        self._breaker.log_fuse_kill(news)
        self._tell(news)

    def stopped(self, event: FuseBlown) -> None:
        """The kernel stopped one."""
        if weaker := self._box.stopped(event):
            self._remark(weaker)

    def ended(self, key: ProcessKey) -> None:
        """A process has ended."""
        self._gone.add(key)
        for job in self._attended:
            meant = self._breaker.targets_of(job)
            if meant and key in meant and meant <= self._gone:
                self._relieved.add(job)
        self._news(self._box.ended(key, self._clock()))

    def executed(self, key: ProcessKey) -> None:
        """A process became another program."""
        self._box.executed(key)

    def snapshot(self, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """The books: who it was, what is done about it, and where the bounds are now."""
        self._snapshot, self._waiting = snapshot, False
        self._news(self._box.settle(policies, snapshot))
        for job in self._relieved & self._attended.keys():
            self._attended[job] = True
            self._release(job)
        self._relieved.clear()
        for job in [job for job, relieved in self._attended.items() if relieved]:
            if any(one.news.job.key == job for one in self._box.standing):
                self._say(self._breaker.conclude(job, "another stopped process is next"))
                if self._breaker.targets_of(job) is None:
                    del self._attended[job]
        self._attend(snapshot)
        self._box.arm(policies, snapshot, self._breaker.budget_refusal)
        for name in sorted(self._box.unlimited - self._unlimited):
            self._remark(f"{name} has no memory limit: a fuse at a share of it cannot blow")
        self._unlimited = self._box.unlimited

    def after_actions(self) -> None:
        """Incidents may be over. Whoever stands since the one that was meant has ended is
        next; where that one lives on, everybody goes on."""
        for job in [job for job in self._attended if self._breaker.targets_of(job) is None]:
            if not self._attended.pop(job):
                self._release(job)
            self._waiting |= any(one.news.job.key == job for one in self._box.standing)
        if not self._attended:
            self._gone.clear()
            self._acted_on.clear()

    def let_go(self, key: ProcessKey) -> None:
        """It goes on now."""
        self._news(self._box.let_go(key, self._clock()))

    def wish(self, wish: UserCommand) -> None:
        """Somebody decided what is to become of one that stands."""
        one = self._one(wish.process)
        if one is None:
            self._remark(f"{wish.process.pid} does not stand because of a fuse")
            return
        job = one.news.job.key
        meant = wish.process in (self._breaker.targets_of(job) or ())
        if wish.kind is UserCommandKind.THAW:
            if meant:
                self._say(self._breaker.cancel(job, f"thawed {_BY_HAND}"))
            self.let_go(wish.process)
            return
        if not meant:
            self._say(self._breaker.cancel(job, f"{one.news.comm} {wish.process.pid} first"))
            self._begin([one], self._snapshot, only=True)
        self._say(self._breaker.kill_now(job, f"ended {_BY_HAND}"))

    def thaw(self, pid: int | None) -> list[str]:
        """The same for whoever asks by pid, or for all; one sentence for each that goes on."""
        told: list[str] = []
        for one in self._box.standing:
            if pid in (None, one.event.key.pid):
                self.wish(UserCommand(UserCommandKind.THAW, one.event.key))
                told.append(self._last)
        return told

    def close(self) -> None:
        """The watch ends, and nobody stands any more."""
        self._news(self._box.let_all_go(self._clock()))

    def _attend(self, snapshot: Snapshot) -> None:
        """Every job in which somebody stands gets its incident."""
        by_job: defaultdict[str, list[StoppedProcess]] = defaultdict(list)
        for one in self._box.standing:
            by_job[one.news.job.key].append(one)
        for job, ones in by_job.items():
            if job in self._attended:
                continue
            if self._breaker.targets_of(job) is not None:
                self._attended[job] = False  # one runs: its end is theirs
            elif not self._breaker.is_full:
                self._begin(ones, snapshot)

    def _begin(
        self, ones: list[StoppedProcess], snapshot: Snapshot | None, *, only: bool = False
    ) -> None:
        if snapshot is None:
            return
        job, first = ones[0].news.job.key, ones[0]
        # Of a job the one that grew most is meant; where nobody stands out, of those that
        # stand the one that holds most.
        largest = max(ones, key=lambda one: one.event.held_bytes)
        alone = only or _by_itself(first)
        if alone:
            largest = first
        meant = None
        for subject in [largest] if alone else [None, largest]:
            finding = finding_of(
                first.news, first.event, None if subject is None else subject.news
            )
            firing = Firing(first.policy, (finding,), by_fuse=True)
            self._say(self._breaker.start_fuse_incident(firing, snapshot))
            meant = self._breaker.targets_of(job)
            if meant is not None or self._one(largest.event.key) is None:
                break
        if meant is None:
            if _in_exec(largest, snapshot, self._clock()):
                self._waiting = True
                return
            self._release(job)
            self.let_go(largest.event.key)
            return
        self._attended[job] = False
        self._acted_on |= meant

    def _release(self, job: str) -> None:
        """Whoever stands for the sum of this job goes on: it was another one's fault."""
        for one in self._box.standing:
            key = one.event.key
            if one.news.job.key != job or (key not in self._acted_on and _by_itself(one)):
                continue
            if is_alive(key):  # else its end is told in a moment
                self.let_go(key)

    def _one(self, key: ProcessKey) -> StoppedProcess | None:
        return next((one for one in self._box.standing if one.event.key == key), None)

    def _news(self, news: Iterable[FuseEvent]) -> None:
        for one in news:
            self._breaker.log_fuse_event(one)
            self._tell(one)
            self._last = one.sentence


def _in_exec(one: StoppedProcess, snapshot: Snapshot, now_ns: int) -> bool:
    """Whether it was stopped while it became another program, of which the books have yet to
    hear: the program decides whether anything is done about it."""
    if now_ns - one.event.time_ns > _EXEC_NS:
        return False
    processes = (process for job in snapshot.jobs for process in job.processes)
    return any(has_new_name(it) for it in processes if it.key == one.event.key)


def _by_itself(one: StoppedProcess) -> bool:
    """Whether it crossed a bound of its own: then it is nobody's bystander."""
    return one.event.scope is FuseScope.PROCESS
