"""The ledger: events in, snapshots and notes out.

No clock and no file is read here: every time comes with an event or an argument.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ebpftrace.events import (
    CgroupGone,
    CgroupMade,
    CgroupPressed,
    CgroupRead,
    Event,
    LossesRead,
    OomKilled,
    ProcessDelayed,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
    StartCause,
)
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.accounts import JobAccount
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.drawing import JobDrawing
from ebpftrace.ledger.held import kernel_bytes
from ebpftrace.ledger.notebook import Notebook
from ebpftrace.ledger.notes import Note, OomNote, ProcessChange
from ebpftrace.ledger.process_account import KnownProcess, ProcessAccount
from ebpftrace.ledger.register import MOST_RUNS, JobRegister
from ebpftrace.ledger.snapshot import Node, SelfCost, Snapshot


class Ledger:
    """How much each job and process holds, since when, and what was missed.

    `apply` never fails for an event about an unknown process: after a loss, an event may
    come late or twice. Jobs come with the events that name one (`identity`).
    """

    def __init__(self, clock: Clock, *, watching: str, began_ns: int) -> None:
        self._clock = clock
        self._watching = watching
        self._began_ns = began_ns
        self._processes: dict[ProcessKey, ProcessAccount] = {}
        self._jobs = JobRegister()
        self.admits, self.runs_in = self._jobs.admits, self._jobs.runs_in
        self._executed: dict[ProcessKey, JobAccount] = {}  # since the last snapshot
        self._notebook = Notebook(clock)
        self._losses: Mapping[str, int] = MappingProxyType({})
        self._sequence = 0
        self._node_oom_kills = 0
        self._drawing = JobDrawing(self._jobs)

    def apply(self, event: Event, identity: JobIdentity | None = None) -> None:
        """Record one event. `identity` is the job of a start, a move or an OOM kill."""
        match event:
            case ProcessStarted():
                assert identity is not None  # every start is resolved to a job
                self._start(event, identity)
            case ProcessExited():
                self._exit(event)
            case ProcessRenamed():
                self._rename(event)
            case ProcessMoved():
                self._move(event, identity)
            case ProcessRead():
                account = self._processes.get(event.key)
                if account is not None:
                    account.read(event.counters)
            case ProcessDelayed():
                account = self._processes.get(event.key)
                if account is not None:
                    account.delay(event.delays)
            case CgroupRead():
                rose = self._jobs.cgroup_read(event.cgroup_id, event.counters)
                self._notebook.stalls(rose, event.time_ns)
            case CgroupPressed():
                lost = self._jobs.cgroup_pressed(event.cgroup_id, event.pressure)
                self._notebook.pressure(lost, event.time_ns)
            case CgroupGone():
                rose = self._jobs.cgroup_gone(event.cgroup_id, event.counters)
                self._notebook.stalls(rose, event.time_ns)
            case CgroupMade():
                self._jobs.cgroup_made(event.cgroup_id)
            case OomKilled():
                self._oom(event, identity)
            case LossesRead():
                self._losses = MappingProxyType(dict(event.counts))
                self._notebook.losses(event)
        self._jobs.forget_old()

    def snapshot(
        self, now_ns: int, time_ns: int, *, cost: SelfCost, node: Node | None = None
    ) -> Snapshot:
        """All accounts now, with the jobs that ended within the last minute.

        Call it once an interval: it is what growth is measured by.
        """
        self._executed.clear()
        return self._draw(self._jobs.recent(now_ns), now_ns, time_ns, cost)._replace(node=node)

    def peek(self, now_ns: int, time_ns: int) -> Snapshot:
        """The same between two intervals, for the breaker."""
        return self._draw(self._jobs.recent(now_ns), now_ns, time_ns, SelfCost(), peek=True)

    def final(self, now_ns: int, time_ns: int, *, cost: SelfCost) -> Snapshot:
        """All accounts at the end: every job still in memory, largest peak first."""
        return self._draw(list(self._jobs), now_ns, time_ns, cost, final=True)

    def shed(self) -> None:
        """Drop most of the jobs that ended: the watch takes too much memory."""
        self._jobs.forget_old(MOST_RUNS)

    def process(self, key: ProcessKey) -> KnownProcess | None:
        """A live process; None for one that is unknown or has ended."""
        if (account := self._processes.get(key)) is None:
            return None
        job, started = account.job, account.started
        return KnownProcess(
            job.identity, account.comm, account.role, job.cgroup.limit_bytes, started.exec_name
        )

    def job_in(self, cgroup_id: int) -> JobIdentity | None:
        """The latest job of a cgroup; None if none was in it."""
        return self._jobs.job_in(cgroup_id)

    def drain_notes(self) -> tuple[Note, ...]:
        """What happened since the last call, in order."""
        return self._notebook.drain()

    def _start(self, event: ProcessStarted, identity: JobIdentity) -> None:
        before = self._executed.pop(event.key, None)
        known = self._processes.get(event.key)
        if known is not None:
            if event.how is not StartCause.EXEC:
                return  # reported twice: it started during the scan of running processes
            self._close(known, event.time_ns)
            before = known.job
        job = self._jobs.job(identity, event.time_ns)
        account = ProcessAccount(
            started=event,
            # CLOCK_BOOTTIME advances during suspend; no process starts after its event.
            start_time_ns=min(
                self._clock.start_unix_ns(event.key.start_boottime_ns),
                self._clock.unix_ns(event.time_ns),
            ),
            comm=event.comm,
            job=job,
        )
        self._processes[event.key] = account
        self._jobs.join(account)
        if job is not before:  # else the same process, after an exec
            job.started += 1
        self._notebook.process(account, ProcessChange(event.how.value), event.time_ns)

    def _exit(self, event: ProcessExited) -> None:
        if (account := self._processes.get(event.key)) is None:
            return
        account.read(event.counters)
        account.rename(event.comm)
        self._close(account, event.time_ns)
        if event.executed:
            self._executed[event.key] = account.job
        self._notebook.process(account, ProcessChange.EXIT, event.time_ns, exited=event)

    def _close(self, account: ProcessAccount, now_ns: int) -> None:
        del self._processes[account.key]
        self._jobs.leave(account, now_ns)

    def _rename(self, event: ProcessRenamed) -> None:
        account = self._processes.get(event.key)
        if account is not None and account.comm != event.comm:
            account.rename(event.comm)
            self._notebook.process(account, ProcessChange.RENAME, event.time_ns)

    def _move(self, event: ProcessMoved, identity: JobIdentity | None) -> None:
        if (account := self._processes.get(event.key)) is None:
            return
        assert identity is not None
        job = self._jobs.job(identity, event.time_ns)
        if job is account.job:
            return
        self._jobs.leave(account, event.time_ns)
        account.peak_elsewhere_bytes = account.own_peak_bytes
        account.job = job
        self._jobs.join(account)
        job.started += 1
        self._notebook.process(account, ProcessChange.MOVED, event.time_ns)

    def _oom(self, event: OomKilled, identity: JobIdentity | None) -> None:
        self._node_oom_kills += 1
        victim = self._processes.get(event.key)
        kernel = kernel_bytes(victim.job.cgroup) if victim else None
        if (job := self._jobs.killed(event, identity, victim)) is not None:
            at, below = self._clock.unix_ns(event.time_ns), self._drawing.jobs_below
            self._notebook.add(OomNote.of(event, job.identity, at, kernel, below))

    def _draw(
        self,
        jobs: list[JobAccount],
        now_ns: int,
        time_ns: int,
        cost: SelfCost,
        *,
        final: bool = False,
        peek: bool = False,
    ) -> Snapshot:
        self._sequence += not peek
        drawn = self._drawing.draw(jobs, now_ns, time_ns, final=final)
        self._jobs.forget_old_histories(now_ns)
        return Snapshot(
            sequence=self._sequence,
            time_ns=time_ns,
            monotonic_ns=now_ns,
            elapsed_ns=now_ns - self._began_ns,
            watching=self._watching,
            jobs=drawn,
            usage=self._drawing.usage,
            losses=self._losses,
            cost=cost,
            final=final,
            node_oom_kills=self._node_oom_kills,
            forgotten_jobs=self._jobs.forgotten,
        )
