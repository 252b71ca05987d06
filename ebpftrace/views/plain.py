"""Plain text for a pipe or a log: a line for each snapshot and each event."""

from collections.abc import Callable

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import LossNote, Note, Snapshot
from ebpftrace.views.activity import activity_lines
from ebpftrace.views.findings import FindingLog, finding_lines
from ebpftrace.views.pipe.backlog import is_routine
from ebpftrace.views.start import Remark, Started
from ebpftrace.views.stopped_processes import StoppedProcesses
from ebpftrace.views.summary import summary_lines
from ebpftrace.views.text_lines import note_line, snapshot_line, start_lines


class PlainLines:
    """Passes whole lines to `write`, and those a slow reader can do without to `write_routine`.

    Both may raise OSError (BrokenPipeError too). `write_routine` defaults to `write`.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        write_routine: Callable[[str], object] | None = None,
    ) -> None:
        self._write = write
        self._write_routine = write_routine or write
        self._found = FindingLog()
        self._fuses = StoppedProcesses()

    def start(self, started: Started) -> None:
        self._lines(*start_lines(started))

    def note(self, note: Note) -> None:
        self._fuses.update(note)
        write = self._write_routine if is_routine(note) else self._write
        write(f"{note_line(note)}\n")

    def snapshot(self, snapshot: Snapshot) -> None:
        self._write_routine(f"{snapshot_line(snapshot)}\n")

    def finding(self, finding: Finding) -> None:
        self._found.add(finding)
        self._lines(*finding_lines(finding))

    def step(self, step: StepOutcome) -> None:
        self._lines(*activity_lines(step))

    def outcome(self, outcome: Outcome) -> None:
        self._lines(*activity_lines(outcome))

    def fuse(self, event: FuseEvent) -> None:
        self._fuses.update(event)
        self._lines(*activity_lines(event))

    def remark(self, remark: Remark) -> None:
        self._lines(*activity_lines(remark))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        found, fuses = self._found.above_notice(), self._fuses.summary()
        self._lines(*summary_lines(snapshot, reason, found=found, fuses=fuses))

    def stop(self) -> None:
        """Nothing to do: every update was written at once."""

    def _lines(self, *lines: str) -> None:
        self._write("".join(f"{line}\n" for line in lines))


def loss_text(note: LossNote) -> str:
    """The record that reports dropped output."""
    return f"{note_line(note)}\n"
