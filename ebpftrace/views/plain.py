"""A watch in a pipe or a log: one line an update, and one for all that happened."""

from collections.abc import Callable

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import LossNote, Note, Snapshot
from ebpftrace.views.acts import Remark, act_lines
from ebpftrace.views.backlog import is_routine
from ebpftrace.views.findings import FindingLog, finding_lines
from ebpftrace.views.fuses import StoppedProcesses
from ebpftrace.views.lines import note_line, snapshot_line, start_lines
from ebpftrace.views.start import Started
from ebpftrace.views.summary import summary_lines


class PlainLines:
    """`write` takes whole lines and raises what writing raises (BrokenPipeError too).

    `routine`, where it is given, takes those that a reader who is late can do without.
    """

    def __init__(
        self, write: Callable[[str], object], routine: Callable[[str], object] | None = None
    ) -> None:
        self._write = write
        self._routine = routine or write
        self._found = FindingLog()
        self._fuses = StoppedProcesses()

    def start(self, started: Started) -> None:
        self._lines(*start_lines(started))

    def note(self, note: Note) -> None:
        self._fuses.hear(note)
        write = self._routine if is_routine(note) else self._write
        write(f"{note_line(note)}\n")

    def snapshot(self, snapshot: Snapshot) -> None:
        self._routine(f"{snapshot_line(snapshot)}\n")

    def finding(self, finding: Finding) -> None:
        self._found.add(finding)
        self._lines(*finding_lines(finding))

    def step(self, step: StepOutcome) -> None:
        self._lines(*act_lines(step))

    def outcome(self, outcome: Outcome) -> None:
        self._lines(*act_lines(outcome))

    def fuse(self, news: FuseEvent) -> None:
        self._fuses.hear(news)
        self._lines(*act_lines(news))

    def remark(self, remark: Remark) -> None:
        self._lines(*act_lines(remark))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        found, fuses = self._found.loud(), self._fuses.in_words()
        self._lines(*summary_lines(snapshot, reason, found=found, fuses=fuses))

    def stop(self) -> None:
        """Nothing: every update was written whole."""

    def _lines(self, *lines: str) -> None:
        self._write("".join(f"{line}\n" for line in lines))


def loss_text(note: LossNote) -> str:
    """A loss that is the output's own."""
    return f"{note_line(note)}\n"
