"""The books: events in, snapshots and notes out.

No clock and no file is read here: every time comes with an event or an argument, so that
what was recorded is booked again by the same code.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ebpftrace.events import (
    CgroupCounters,
    CgroupGone,
    CgroupRead,
    Event,
    JobIdentity,
    LossesRead,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
    Start,
    Usage,
)
from ebpftrace.ledger.accounts import JobAccount, ProcessAccount
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.notes import LossNote, Note, OomNote, ProcessNote, StallNote
from ebpftrace.ledger.snapshot import Node, SelfCost, Snapshot

MAX_ENDED_JOBS = 4096
"""Jobs without a process that are remembered; the one that ended first is forgotten first."""


class Ledger:
    """Who holds how much, since when, with what was lost.

    `apply` never fails for an event about somebody unknown: after a loss, what comes late
    or twice is no error. Jobs come with the events that name one (`identity`).
    """

    def __init__(self, clock: Clock, *, watching: str, began_ns: int) -> None:
        self._clock = clock
        self._watching = watching
        self._began_ns = began_ns
        self._processes: dict[ProcessKey, ProcessAccount] = {}
        self._jobs: dict[str, JobAccount] = {}
        self._by_cgroup: dict[int, list[JobAccount]] = {}
        self._notes: list[Note] = []
        self._losses: Mapping[str, int] = {}
        self._losses_told: Counter[str] = Counter()
        self._sequence = 0
        self.node_oom_kills = 0  # all of the machine's, ours or not

    def apply(self, event: Event, identity: JobIdentity | None = None) -> None:
        """Book one event. `identity` is the job of a start, a move or an OOM kill."""
        match event:
            case ProcessStarted():
                assert identity is not None  # whoever resolves jobs never fails
                self._start(event, identity)
            case ProcessExited():
                self._exit(event)
            case ProcessRenamed():
                self._rename(event)
            case ProcessMoved():
                assert identity is not None
                self._move(event, identity)
            case ProcessRead():
                account = self._processes.get(event.key)
                if account is not None:
                    account.counters = event.counters
            case CgroupRead():
                for job in self._of_cgroup(event.cgroup_id):
                    job.see_cgroup(event.counters)
            case CgroupGone():
                for job in self._by_cgroup.pop(event.cgroup_id, []):
                    job.see_cgroup(event.counters)
                    job.gone = True
            case OomKilled():
                self._oom(event, identity)
            case LossesRead():
                self._losses = dict(event.counts)

    def snapshot(
        self, now_ns: int, time_ns: int, *, cost: SelfCost, node: Node | None = None
    ) -> Snapshot:
        """The books now. Call it once an interval: it is what growth is measured by."""
        for job in self._jobs.values():
            if job.processes:
                job.sample(now_ns)
        self._tell_stalls(now_ns)
        self._tell_losses(now_ns)
        live = [job for job in self._jobs.values() if job.processes]
        return replace(self._draw(live, now_ns, time_ns, cost, final=False), node=node)

    def final(self, now_ns: int, time_ns: int, *, cost: SelfCost) -> Snapshot:
        """The books at the end: every job that ever was, largest peak first."""
        for job in self._jobs.values():
            if job.processes:
                job.sample(now_ns)
        return self._draw(list(self._jobs.values()), now_ns, time_ns, cost, final=True)

    def take_notes(self) -> tuple[Note, ...]:
        """What happened since this was last asked, in order."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def _start(self, event: ProcessStarted, identity: JobIdentity) -> None:
        if event.key in self._processes:
            if event.how is Start.FOUND:
                return  # seen twice: it executed while those running were looked through
            self._close(event.key)
        job = self._job(identity, event.time_ns)
        account = ProcessAccount(
            started=event,
            start_time_ns=self._clock.start_unix_ns(event.key.start_boottime_ns),
            comm=event.comm,
            counters=event.counters,
            job=job,
        )
        self._processes[event.key] = account
        job.processes[event.key] = account
        job.started += 1
        self._note(account, event.how.value, event.time_ns)

    def _exit(self, event: ProcessExited) -> None:
        account = self._processes.get(event.key)
        if account is None:
            return
        account.counters = event.counters
        account.job.see_peak(account)
        self._close(event.key)
        self._notes.append(
            self._process_note(
                account,
                "exit",
                event.time_ns,
                exit_code=event.exit_code,
                signal=event.signal,
                executed=event.executed,
            )
        )
        self._forget_old_jobs()

    def _rename(self, event: ProcessRenamed) -> None:
        account = self._processes.get(event.key)
        if account is not None:
            account.comm = event.comm
            self._note(account, "rename", event.time_ns)

    def _move(self, event: ProcessMoved, identity: JobIdentity) -> None:
        account = self._processes.get(event.key)
        if account is None:
            return
        old, new = account.job, self._job(identity, event.time_ns)
        if new is not old:
            old.see_peak(account)
            del old.processes[event.key]
            account.job = new
            new.processes[event.key] = account
            new.started += 1
        self._note(account, "moved", event.time_ns)

    def _oom(self, event: OomKilled, identity: JobIdentity | None) -> None:
        self.node_oom_kills += 1
        account = self._processes.get(event.key)
        candidates = self._by_cgroup.get(event.cgroup_id, [])
        if account is not None:
            job = account.job
        elif candidates:
            known = identity.key if identity else ""
            job = next((one for one in candidates if one.identity.key == known), candidates[-1])
        elif event.tracked and identity is not None:
            job = self._job(identity, event.time_ns)
        else:
            return  # somebody else's
        job.kills_seen += 1
        if job.baseline is None:
            # Nobody read this cgroup before: the kill at hand is in its count already.
            job.cgroup = event.cgroup
        self._notes.append(
            OomNote(
                time_ns=self._clock.unix_ns(event.time_ns),
                monotonic_ns=event.time_ns,
                key=event.key,
                comm=event.comm,
                job=job.identity,
                usage=event.usage,
                limit_bytes=event.cgroup.limit_bytes,
                tracked=event.tracked,
            )
        )

    def _job(self, identity: JobIdentity, now_ns: int) -> JobAccount:
        job = self._jobs.get(identity.key)
        if job is None:
            earlier = self._by_cgroup.setdefault(identity.cgroup_id, [])
            before = earlier[-1].cgroup if earlier else CgroupCounters()
            job = self._jobs[identity.key] = JobAccount(
                identity,
                began_ns=now_ns,
                stalls_before=before.stalls,
                stalled_before_ns=before.stalled_ns,
            )
            earlier.append(job)
        return job

    def _of_cgroup(self, cgroup_id: int) -> Iterator[JobAccount]:
        """The jobs that a cgroup's counters now speak of: those with a process in it."""
        jobs = self._by_cgroup.get(cgroup_id, [])
        live = [job for job in jobs if job.processes]
        yield from live or jobs[-1:]

    def _close(self, key: ProcessKey) -> None:
        account = self._processes.pop(key)
        account.job.see_peak(account)
        account.job.processes.pop(key, None)

    def _forget_old_jobs(self) -> None:
        if len(self._jobs) <= MAX_ENDED_JOBS:
            return
        for key, job in self._jobs.items():
            if not job.processes:
                del self._jobs[key]
                jobs = self._by_cgroup.get(job.identity.cgroup_id, [])
                if job in jobs:
                    jobs.remove(job)
                if not jobs:
                    self._by_cgroup.pop(job.identity.cgroup_id, None)
                return

    def _tell_stalls(self, now_ns: int) -> None:
        for job in self._jobs.values():
            ns, count = job.stalled_ns - job.stalled_told_ns, job.stalls - job.stalls_told
            if count > 0:
                job.stalled_told_ns, job.stalls_told = job.stalled_ns, job.stalls
                self._notes.append(
                    StallNote(self._clock.unix_ns(now_ns), now_ns, job.identity, ns, count)
                )

    def _tell_losses(self, now_ns: int) -> None:
        for cause, total in self._losses.items():
            count = total - self._losses_told[cause]
            if count > 0:
                self._losses_told[cause] = total
                self._notes.append(
                    LossNote(self._clock.unix_ns(now_ns), now_ns, cause, count, total)
                )

    def _draw(
        self, jobs: list[JobAccount], now_ns: int, time_ns: int, cost: SelfCost, *, final: bool
    ) -> Snapshot:
        self._sequence += 1
        drawn = [job.snapshot(now_ns, time_ns) for job in jobs]
        if final:
            drawn.sort(key=lambda job: (-job.peak_bytes, job.identity.key))
        else:
            drawn.sort(key=lambda job: (-job.usage.resident_bytes, job.identity.key))
        return Snapshot(
            sequence=self._sequence,
            time_ns=time_ns,
            monotonic_ns=now_ns,
            elapsed_ns=now_ns - self._began_ns,
            watching=self._watching,
            jobs=tuple(drawn),
            usage=sum((job.usage for job in drawn), Usage()),
            losses=dict(self._losses),
            cost=cost,
            final=final,
        )

    def _note(self, account: ProcessAccount, event: str, now_ns: int) -> None:
        self._notes.append(self._process_note(account, event, now_ns))

    def _process_note(
        self,
        account: ProcessAccount,
        event: str,
        now_ns: int,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        executed: bool = False,
    ) -> ProcessNote:
        return ProcessNote(
            time_ns=self._clock.unix_ns(now_ns),
            monotonic_ns=now_ns,
            event=event,
            key=account.key,
            start_time_ns=account.start_time_ns,
            parent_pid=account.started.parent_pid,
            comm=account.comm,
            job=account.job.identity,
            cmdline=" ".join(account.started.args) or account.comm,
            counters=account.counters,
            exit_code=exit_code,
            signal=signal,
            executed=executed,
        )
