"""A view that keeps what it was given."""

from collections.abc import Callable
from typing import Any, TypeVar

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.start import Remark, RemarkKind, Started

Kind = TypeVar("Kind")


class RecordingView:
    """Every call as (time in seconds, method, value), in order.

    `on_call` is called with the method's name before that; it may raise.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.calls: list[tuple[float, str, Any]] = []
        self.reason: str | None = None
        self.on_call: Callable[[str], object] = lambda _method: None
        self._seconds = seconds

    def all(self, kind: type[Kind]) -> list[Kind]:
        """The values of one type."""
        return [value for _, _, value in self.calls if isinstance(value, kind)]

    def times(self, method: str) -> list[float]:
        """When it was called, in seconds since the begin of the script."""
        return [seconds for seconds, name, _ in self.calls if name == method]

    @property
    def remarks(self) -> list[str]:
        """Their texts."""
        return [remark.text for remark in self.all(Remark)]

    @property
    def remark_kinds(self) -> list[RemarkKind]:
        """What they mean to a program."""
        return [remark.kind for remark in self.all(Remark)]

    def _record(self, method: str, value: object) -> None:
        self.on_call(method)
        self.calls.append((self._seconds(), method, value))

    def start(self, started: Started) -> None:
        self._record("start", started)

    def note(self, note: Note) -> None:
        self._record("note", note)

    def snapshot(self, snapshot: Snapshot) -> None:
        self._record("snapshot", snapshot)

    def finding(self, finding: Finding) -> None:
        self._record("finding", finding)

    def step(self, step: StepOutcome) -> None:
        self._record("step", step)

    def outcome(self, outcome: Outcome) -> None:
        self._record("outcome", outcome)

    def fuse(self, news: FuseEvent) -> None:
        self._record("fuse", news)

    def remark(self, remark: Remark) -> None:
        assert "no transition" not in remark.text, remark.text  # a bug of the fuse
        self._record("remark", remark)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self.reason = reason
        self._record("end", snapshot)

    def stop(self) -> None:
        self._record("stop", None)
