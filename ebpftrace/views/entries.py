"""The entries of a view's event list: the line of each, and how strongly it is shown.

Views for people ask this module instead of telling the types apart themselves.
"""

from abc import ABC, abstractmethod

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import Note
from ebpftrace.views.activity import Activity, activity_line
from ebpftrace.views.findings import finding_line
from ebpftrace.views.notes import Emphasis, note_format
from ebpftrace.views.start import Remark
from ebpftrace.views.text_lines import WIDTH, note_line

Entry = Note | Finding | Activity

_FINDING_EMPHASIS: dict[Severity, Emphasis] = {
    Severity.NOTICE: "plain",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "alarm",
}
_FUSE_EMPHASIS: dict[FuseEventKind, Emphasis] = {
    FuseEventKind.STOPPED: "frozen",
    FuseEventKind.KILLED: "alarm",
    FuseEventKind.THAWED: "plain",
    FuseEventKind.ENDED: "plain",
}


def entry_line(entry: Entry, width: int = WIDTH) -> str:
    """What happened, when and to what, cut to `width` columns."""
    if isinstance(entry, Finding):
        return finding_line(entry, width)
    if isinstance(entry, Activity):
        return activity_line(entry, width)
    return note_line(entry, width)


def is_significant(entry: Entry) -> bool:
    """True for kills, findings, actions and losses: routine entries must not displace them."""
    if isinstance(entry, Finding | StepOutcome | Outcome | FuseEvent):
        return True
    return emphasis(entry) in {"warning", "alarm"}


def emphasis(entry: Entry) -> Emphasis:
    """How strongly to show an entry."""
    match entry:
        case Finding(state=FindingState.END) | Remark():
            return "faint"
        case Finding():
            return _FINDING_EMPHASIS[entry.severity]
        case StepOutcome():
            return "plain" if entry.status is StepStatus.DONE else "warning"
        case Outcome():
            if entry.canceled:
                return "plain"
            return "good" if entry.helped else "alarm"
        case FuseEvent():
            return _FUSE_EMPHASIS[entry.kind]
    return note_format(entry).emphasis


class EntryView(ABC):
    """A view that treats everything between two snapshots alike, as entries."""

    def note(self, note: Note) -> None:
        self._add(note)

    def finding(self, finding: Finding) -> None:
        self._add(finding)

    def step(self, step: StepOutcome) -> None:
        self._add(step)

    def outcome(self, outcome: Outcome) -> None:
        self._add(outcome)

    def fuse(self, event: FuseEvent) -> None:
        self._add(event)

    def remark(self, remark: Remark) -> None:
        self._add(remark)

    @abstractmethod
    def _add(self, entry: Entry) -> None:
        """Take one entry; entries arrive in order of time."""
