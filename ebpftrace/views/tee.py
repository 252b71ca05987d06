"""Several outputs of one watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebpftrace.act.fuse.events import FuseEvent
    from ebpftrace.act.incident.outcome import Outcome, StepOutcome
    from ebpftrace.judge.finding import Finding
    from ebpftrace.ledger import Note, Snapshot
    from ebpftrace.views import View
    from ebpftrace.views.start import Remark, Started


class Tee:
    """Passes each call on to all views, in their order.

    If a view raises, the others still get the call; then the first error is raised.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._views = tuple(views)

    def start(self, started: Started) -> None:
        self._each(lambda view: view.start(started))

    def note(self, note: Note) -> None:
        self._each(lambda view: view.note(note))

    def snapshot(self, snapshot: Snapshot) -> None:
        self._each(lambda view: view.snapshot(snapshot))

    def finding(self, finding: Finding) -> None:
        self._each(lambda view: view.finding(finding))

    def step(self, step: StepOutcome) -> None:
        self._each(lambda view: view.step(step))

    def outcome(self, outcome: Outcome) -> None:
        self._each(lambda view: view.outcome(outcome))

    def fuse(self, event: FuseEvent) -> None:
        self._each(lambda view: view.fuse(event))

    def remark(self, remark: Remark) -> None:
        self._each(lambda view: view.remark(remark))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self._each(lambda view: view.end(snapshot, reason))

    def stop(self) -> None:
        self._each(lambda view: view.stop())

    def _each(self, call: Callable[[View], None]) -> None:
        first: Exception | None = None
        for view in self._views:
            try:
                call(view)
            except Exception as error:
                first = first or error
        if first is not None:
            raise first
