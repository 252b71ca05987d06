"""The entries of a view's tail of events: each one line, and how loud it is.

Here alone a view for people tells the types apart; table and dashboard ask.
"""

from abc import ABC, abstractmethod
from typing import Literal

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import LossNote, Note, OomNote, ProcessNote
from ebpftrace.views.acts import Act, Remark, act_line
from ebpftrace.views.findings import finding_line
from ebpftrace.views.lines import WIDTH, note_line

Entry = Note | Finding | Act
Loudness = Literal["faint", "plain", "good", "warning", "alarm", "frozen"]

_FOUND: dict[Severity, Loudness] = {
    Severity.NOTICE: "plain",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "alarm",
}
_FUSED: dict[FuseEventKind, Loudness] = {
    FuseEventKind.STOPPED: "frozen",
    FuseEventKind.KILLED: "alarm",
    FuseEventKind.THAWED: "plain",
    FuseEventKind.ENDED: "plain",
}


def entry_line(entry: Entry, width: int = WIDTH) -> str:
    """What happened, when, to whom; cut to `width` columns."""
    if isinstance(entry, Finding):
        return finding_line(entry, width)
    return act_line(entry, width) if isinstance(entry, Act) else note_line(entry, width)


def lasting(entry: Entry) -> bool:
    """Whether it may not be pushed off by what merely happens: a kill, a finding, an act."""
    if isinstance(entry, OomNote | Finding | StepOutcome | Outcome | FuseEvent):
        return True
    return loudness(entry) in {"warning", "alarm"}


def loudness(entry: Entry) -> Loudness:
    """How much it asks to be seen."""
    match entry:
        case Finding(state=FindingState.END) | Remark():
            return "faint"
        case Finding():
            return _FOUND[entry.severity]
        case StepOutcome():
            return "plain" if entry.status is StepStatus.DONE else "warning"
        case Outcome():
            if entry.canceled:
                return "plain"
            return "good" if entry.helped else "alarm"
        case FuseEvent():
            return _FUSED[entry.word]
    if isinstance(entry, OomNote):
        return "alarm"
    if isinstance(entry, LossNote):
        return "warning"
    return "faint" if isinstance(entry, ProcessNote) else "plain"


class Teller(ABC):
    """A view to which all that is told between two snapshots is an entry alike."""

    def note(self, note: Note) -> None:
        self._tell(note)

    def finding(self, finding: Finding) -> None:
        self._tell(finding)

    def step(self, step: StepOutcome) -> None:
        self._tell(step)

    def outcome(self, outcome: Outcome) -> None:
        self._tell(outcome)

    def fuse(self, news: FuseEvent) -> None:
        self._tell(news)

    def remark(self, remark: Remark) -> None:
        self._tell(remark)

    @abstractmethod
    def _tell(self, entry: Entry) -> None:
        """Take one entry; they come in order."""
