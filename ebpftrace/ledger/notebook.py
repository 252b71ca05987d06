"""The notes to report before the next snapshot, in order."""

from collections import Counter
from collections.abc import Iterable

from ebpftrace.events import LossesRead, ProcessExited
from ebpftrace.ledger.cgroup import Pressed, Stalled
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.notes import (
    LossNote,
    Note,
    PressureNote,
    ProcessChange,
    ProcessNote,
    StallNote,
)
from ebpftrace.ledger.process_account import ProcessAccount


class Notebook:
    """Writes the notes, and remembers how much of a running count was reported."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notes: list[Note] = []
        self._losses_reported: Counter[str] = Counter()

    def drain(self) -> tuple[Note, ...]:
        """The notes since the last call."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def add(self, note: Note) -> None:
        """Add a note, after those of earlier events."""
        self._notes.append(note)

    def process(
        self,
        account: ProcessAccount,
        event: ProcessChange,
        now_ns: int,
        *,
        exited: ProcessExited | None = None,
    ) -> None:
        """It started, ended, was renamed or moved."""
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

    def stalls(self, rose: Iterable[Stalled], now_ns: int) -> None:
        """A cgroup was read, and its tasks have waited since it was last read."""
        for job, ns, count in rose:
            time_ns = self._clock.unix_ns(now_ns)
            self.add(StallNote(time_ns, now_ns, job.identity, ns, count))

    def pressure(self, lost: Iterable[Pressed], now_ns: int) -> None:
        """A PSI trigger reported a stall."""
        time_ns = self._clock.unix_ns(now_ns)
        for job, some_ns, full_ns, within_ns in lost:
            self.add(PressureNote(time_ns, now_ns, job.identity, some_ns, full_ns, within_ns))

    def losses(self, read: LossesRead) -> None:
        """The counts of what was missed; those that rose are noted."""
        time_ns = self._clock.unix_ns(read.time_ns)
        for cause, total in read.counts.items():
            count = total - self._losses_reported[cause]
            if count > 0:
                self._losses_reported[cause] = total
                self.add(LossNote(time_ns, read.time_ns, cause, count, total))
