"""What is to be told before the next snapshot, in order."""

from collections import Counter
from collections.abc import Iterable

from ebpftrace.events import LossesRead, OomKilled, ProcessExited
from ebpftrace.ledger.accounts import JobAccount, ProcessAccount
from ebpftrace.ledger.cgroup import Pressed, Stalled
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.notes import (
    LossNote,
    Note,
    OomNote,
    PressureNote,
    ProcessNote,
    StallNote,
)


class Notebook:
    """Writes the notes, and keeps what of a running count was told already."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notes: list[Note] = []
        self._losses_told: Counter[str] = Counter()

    def take(self) -> tuple[Note, ...]:
        """All that was noted since this was last asked."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def add(self, note: Note) -> None:
        """Add a note, after those of earlier events."""
        self._notes.append(note)

    def process(
        self,
        account: ProcessAccount,
        event: str,
        now_ns: int,
        *,
        exited: ProcessExited | None = None,
    ) -> None:
        """It came, went, was renamed or moved."""
        started = account.started
        self.add(
            ProcessNote(
                time_ns=self._clock.unix_ns(now_ns),
                monotonic_ns=now_ns,
                event=event,
                key=account.key,
                start_time_ns=account.start_time_ns,
                parent_pid=started.parent_pid,
                comm=account.comm,
                job=account.job.identity,
                cmdline=" ".join(started.args) or account.comm,
                counters=account.counters,
                exit_code=exited.exit_code if exited else None,
                signal=exited.signal if exited else None,
                executed=exited.executed if exited else False,
                role=started.role,
            )
        )

    def oom_kill(self, event: OomKilled, job: JobAccount) -> None:
        """The kernel killed a process of this job."""
        self.add(
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

    def stalls(self, rose: Iterable[Stalled], now_ns: int) -> None:
        """A cgroup was read; what its tasks waited since was not told yet."""
        for job, ns, count in rose:
            time_ns = self._clock.unix_ns(now_ns)
            self.add(StallNote(time_ns, now_ns, job.identity, ns, count))

    def pressure(self, lost: Iterable[Pressed], now_ns: int) -> None:
        """A PSI trigger was told of a stall."""
        time_ns = self._clock.unix_ns(now_ns)
        for job, some_ns, full_ns, within_ns in lost:
            self.add(PressureNote(time_ns, now_ns, job.identity, some_ns, full_ns, within_ns))

    def losses(self, read: LossesRead) -> None:
        """The counts of what was missed; those that grew are told."""
        time_ns = self._clock.unix_ns(read.time_ns)
        for cause, total in read.counts.items():
            count = total - self._losses_told[cause]
            if count > 0:
                self._losses_told[cause] = total
                self.add(LossNote(time_ns, read.time_ns, cause, count, total))
