"""What is seen of how a run ends: its processes' exits, OOM kills, and what we did."""

from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV
from typing import NamedTuple

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import StepOutcome, StepStatus
from ebpftrace.events import ProcessKey
from ebpftrace.history.run import RunEnd
from ebpftrace.ledger import ProcessChange, ProcessNote
from ebpftrace.units import NS_PER_SECOND

_HARMLESS_ACTIONS = frozenset({"capture", "notify", "thaw"})
_EFFECT_NS = 30 * NS_PER_SECOND
"""An exit this long after a step may still be the step's doing."""

_CRASHES = frozenset({SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV})
_REMEMBERED = 64


class _Exit(NamedTuple):
    key: ProcessKey
    time_ns: int
    signal: int


class _Act(NamedTuple):
    process: ProcessKey
    from_ns: int
    until_ns: int

    def ended(self, left: _Exit) -> bool:
        within = self.from_ns <= left.time_ns <= self.until_ns
        return within and (left.key == self.process or left.signal != 0)


class RunEvidence:
    """Collects it for one run. Times are CLOCK_MONOTONIC ns.

    With `sees_all`, every process of the job is tracked: then the exits of those that were
    started from outside of the job decide. Else those tracked are any of the job's
    programs, whose exit codes say nothing of the job, and only a crash counts.
    """

    __slots__ = (
        "_acts", "_ended_by_us", "_exits", "_failed", "_oom_killed", "_outermost", "_pids",
        "_sees_all", "last_exit_ns",
    )  # fmt: skip

    def __init__(self, *, sees_all: bool) -> None:
        self._sees_all = sees_all
        self._outermost: dict[ProcessKey, bool] = {}  # of its live processes, if it sees all
        self._pids: dict[int, ProcessKey] = {}
        self._failed = False
        self._oom_killed = False
        self._ended_by_us = False
        # No deques: an empty one takes more than half a kilobyte, and jobs may be thousands.
        self._exits: tuple[_Exit, ...] = ()
        self._acts: tuple[_Act, ...] = ()
        self.last_exit_ns: int | None = None

    def note(self, note: ProcessNote) -> None:
        """A process of the job started, ended or was renamed."""
        if note.event is ProcessChange.EXIT:
            if not note.executed:
                self._exit(note)
        elif self._sees_all and note.key not in self._outermost:
            self._outermost[note.key] = note.parent_pid not in self._pids
            self._pids[note.key.pid] = note.key

    def _exit(self, note: ProcessNote) -> None:
        outermost = self._outermost.pop(note.key, False)
        self._pids.pop(note.key.pid, None)
        self.last_exit_ns = note.monotonic_ns
        left = _Exit(note.key, note.monotonic_ns, note.signal or 0)
        self._exits = (*self._exits, left)[-_REMEMBERED:]
        if self._sees_all:
            self._failed |= outermost and bool(note.exit_code or note.signal)
        else:
            self._failed |= left.signal in _CRASHES
        self._ended_by_us |= any(act.ended(left) for act in self._acts)

    def oom_kill(self) -> None:
        """The kernel's OOM killer killed a process of the job."""
        self._oom_killed = True

    def step(self, step: StepOutcome) -> None:
        """A step of an incident of the job ended; its effect may come before or after."""
        if step.status is StepStatus.SKIPPED or step.action in _HARMLESS_ACTIONS:
            return
        act = _Act(step.process, step.began_ns, step.monotonic_ns + _EFFECT_NS)
        self._acts = (*self._acts, act)[-_REMEMBERED:]
        self._ended_by_us |= any(act.ended(left) for left in self._exits)

    def fuse(self, event: FuseEvent) -> None:
        """A fuse stopped or killed a process of the job, or a stopped one ended."""
        if event.kind in (FuseEventKind.KILLED, FuseEventKind.ENDED):
            self._ended_by_us = True

    def run_end(self, *, complete: bool) -> RunEnd:
        """How the run ended; `complete`: it was seen from its start."""
        if self._ended_by_us:
            return RunEnd.ENDED_BY_EBPFTRACE
        if self._oom_killed:
            return RunEnd.OOM_KILLED
        if self._failed:
            return RunEnd.FAILED
        return RunEnd.OK if complete else RunEnd.UNKNOWN
