"""Findings, actions and remarks as lines for a journal: one line each, with its priority.

Under systemd (JOURNAL_STREAM) a line begins with its priority, as sd-daemon(3) has it, and has
no time of day, which the journal keeps itself. What happens all the time is left out: starts
and ends of processes, stalls, snapshots.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TextIO

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.errors import EbpftraceError
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import LossNote, Note, OomNote, Snapshot
from ebpftrace.text import clean
from ebpftrace.views import formatting
from ebpftrace.views.activity import Activity, kind_and_text
from ebpftrace.views.notes import note_format
from ebpftrace.views.pipe.output import NonBlockingOutput
from ebpftrace.views.pipe.waiter import OutputWaiter
from ebpftrace.views.start import Remark, RemarkKind, Started

CRITICAL, ERROR, WARNING, NOTICE, INFO = 2, 3, 4, 5, 6
_LINE_LIMIT = 2000
_OF_FINDINGS = {
    Severity.NOTICE: NOTICE,
    Severity.WARNING: WARNING,
    Severity.CRITICAL: CRITICAL,
}


class JournalLines:
    """Passes whole lines to `write`. With `priorities` they are for systemd's journal."""

    def __init__(self, write: Callable[[str], object], *, priorities: bool) -> None:
        self._write, self._priorities = write, priorities

    def start(self, started: Started) -> None:
        text = f"watching {started.watching}, kernel {started.kernel}, {started.cgroups}"
        self._line(INFO, "start", started.time_ns, text)
        for remark in started.remarks:
            self._line(INFO, "remark", started.time_ns, remark)

    def note(self, note: Note) -> None:
        if isinstance(note, OomNote | LossNote):
            priority = ERROR if isinstance(note, OomNote) else WARNING
            form = note_format(note)
            self._line(priority, form.kind, note.time_ns, form.text(note))

    def snapshot(self, snapshot: Snapshot) -> None:
        """Nothing: it is in the metrics."""

    def finding(self, finding: Finding) -> None:
        ended = finding.state is FindingState.END
        priority = INFO if ended else _OF_FINDINGS[finding.severity]
        severity = finding.severity.name.lower()
        head = f"{severity} {finding.detector}{' ended' if ended else ''}"
        self._line(priority, "finding", finding.time_ns, f"{head}: {finding.sentence}")

    def step(self, step: StepOutcome) -> None:
        failed = step.status in (StepStatus.FAILED, StepStatus.TIMED_OUT)
        self._activity(WARNING if failed else NOTICE, step)

    def outcome(self, outcome: Outcome) -> None:
        fine = outcome.helped or outcome.canceled
        self._activity(NOTICE if fine else ERROR, outcome)

    def fuse(self, event: FuseEvent) -> None:
        self._activity(WARNING, event)

    def remark(self, remark: Remark) -> None:
        trouble = remark.kind in (RemarkKind.AUDIT_TROUBLE, RemarkKind.NOT_RELOADED)
        self._activity(ERROR if trouble else INFO, remark)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        lost = sum(snapshot.losses.values())
        tail = f"; {lost:,} missed" if lost else ""
        self._line(INFO, "end", snapshot.time_ns, f"{reason}{tail}")

    def stop(self) -> None:
        """Nothing to do: every line was written at once."""

    def _activity(self, priority: int, activity: Activity) -> None:
        kind, text = kind_and_text(activity)  # which begins with the time of day
        self._line(priority, kind, activity.time_ns, text.partition(" ")[2])

    def _line(self, priority: int, kind: str, time_ns: int, text: str) -> None:
        head = f"<{priority}>" if self._priorities else f"{formatting.clock(time_ns)} "
        one_line = clean("; ".join(text.splitlines()), _LINE_LIMIT)
        self._write(f"{head}{kind}: {one_line}\n")


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd's journal reads this stream. Source: systemd.exec(5)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def journal_writer(
    stream: TextIO, waiter: OutputWaiter, on_lost: Callable[[], None]
) -> Callable[[str], None]:
    """Writes lines to a stream, never waits, and outlives its reader.

    `on_lost` is called for each line that was not taken: a watch that acts does not end
    because a log does.
    """
    out = NonBlockingOutput(stream, _Outliving(waiter, on_lost), _loss_line)

    def write(text: str) -> None:
        try:
            out.write(text)
        except OSError:
            on_lost()

    return write


class _Outliving:
    """The watch's waiter, for an output whose reader may leave."""

    def __init__(self, waiter: OutputWaiter, on_lost: Callable[[], None]) -> None:
        self._waiter, self._on_lost = waiter, on_lost

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        def attempt() -> bool:
            try:
                return write()
            except OSError:
                self._on_lost()
                return False

        self._waiter.when_writable(fd, attempt)

    def at_end(self, last: Callable[[], None]) -> None:
        def attempt() -> None:
            with contextlib.suppress(OSError, EbpftraceError):
                last()

        self._waiter.at_end(attempt)

    def wait_to_write(self, fd: int) -> bool:
        return self._waiter.wait_to_write(fd)


def _loss_line(note: LossNote) -> str:
    return f"loss: {note_format(note).text(note)}\n"
