"""What is found in a watch: of its snapshots, of OOM kills, and of jobs at their quotas.

What judges is imported when it is first needed, which is once the first snapshot is shown,
unless a process is killed before that.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ebpftrace.ledger import Note, OomNote

if TYPE_CHECKING:
    from ebpftrace.engine.recording.recorder import HistoryRecorder
    from ebpftrace.events import QuotaReached
    from ebpftrace.jobs.identity import JobIdentity
    from ebpftrace.judge.finding import Finding
    from ebpftrace.judge.judge import Judge
    from ebpftrace.judge.quota import QuotaFindings
    from ebpftrace.ledger import Snapshot


class Judging:
    """Each method returns the findings that are to be reported. `recorder` knows past runs."""

    def __init__(self, recorder: "HistoryRecorder | None") -> None:
        self._recorder = recorder

    @property
    def active(self) -> "tuple[Finding, ...]":
        """The findings in force; those of quotas are not among them."""
        return self._judge.active

    def of_snapshot(
        self, snapshot: "Snapshot", reached: "Iterable[tuple[QuotaReached, JobIdentity]]"
    ) -> "tuple[Finding, ...]":
        """With what has `reached` a quota since the last snapshot."""
        quotas = self._quotas.judge(reached, snapshot.time_ns, snapshot.monotonic_ns)
        return *quotas, *self._judge.judge(snapshot)

    def of_note(self, note: Note) -> "tuple[Finding, ...]":
        """What one note says by itself."""
        return self._judge.judge_note(note) if isinstance(note, OomNote) else ()

    @cached_property
    def _judge(self) -> "Judge":
        from ebpftrace.judge.judge import Judge

        if self._recorder is None:
            return Judge()
        return Judge(past_of=self._recorder.past_of, renewed=self._recorder.take_renewed)

    @cached_property
    def _quotas(self) -> "QuotaFindings":
        from ebpftrace.judge.quota import QuotaFindings

        return QuotaFindings()
