"""JSON Lines, one object per line, for programs. Reference: `docs/jsonl.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebpftrace.act.fuse.records import fuse_record
from ebpftrace.act.incident.records import outcome_record, step_record
from ebpftrace.views.json_text.encode import json_line
from ebpftrace.views.json_text.snapshots import SnapshotText
from ebpftrace.views.pipe.backlog import is_routine
from ebpftrace.views.records import (
    end_record,
    finding_record,
    note_record,
    remark_record,
    start_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebpftrace.act.fuse.events import FuseEvent
    from ebpftrace.act.incident.outcome import Outcome, StepOutcome
    from ebpftrace.judge.finding import Finding
    from ebpftrace.ledger import LossNote, Note, Snapshot
    from ebpftrace.views.start import Remark, Started


class JsonLines:
    """Passes whole lines to `write`, and those a slow reader can do without to `write_routine`.

    `write_parts` gets the parts of one such line, which may be ten megabytes. All may raise
    OSError (BrokenPipeError too). `write_routine` defaults to `write`, and `write_parts` to
    `write_routine` with the whole line. With `changes` most snapshots list only the jobs that
    changed.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        write_routine: Callable[[str], object] | None = None,
        write_parts: Callable[[Iterator[str]], object] | None = None,
        *,
        changes: bool = False,
    ) -> None:
        self._write = write
        self._write_routine = write_routine or write
        self._write_parts = write_parts or self._write_whole
        self._snapshots = SnapshotText(changes=changes)

    def start(self, started: Started) -> None:
        self._write(json_line(start_record(started)))

    def note(self, note: Note) -> None:
        write = self._write_routine if is_routine(note) else self._write
        write(json_line(note_record(note)))

    def snapshot(self, snapshot: Snapshot) -> None:
        self._write_parts(self._snapshots.parts(snapshot))

    def _write_whole(self, parts: Iterator[str]) -> None:
        self._write_routine("".join(parts))

    def finding(self, finding: Finding) -> None:
        self._write(json_line(finding_record(finding)))

    def step(self, step: StepOutcome) -> None:
        self._write(json_line(step_record(step)))

    def outcome(self, outcome: Outcome) -> None:
        self._write(json_line(outcome_record(outcome)))

    def fuse(self, event: FuseEvent) -> None:
        self._write(json_line(fuse_record(event)))

    def remark(self, remark: Remark) -> None:
        self._write(json_line(remark_record(remark)))

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self._write(json_line(end_record(snapshot, reason)))

    def stop(self) -> None:
        """Nothing to do: every update was written at once."""


def loss_text(note: LossNote) -> str:
    """The record that reports dropped output."""
    return json_line(note_record(note))
