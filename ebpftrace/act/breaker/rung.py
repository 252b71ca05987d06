"""One step of a ladder, from its start to its end."""

from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.actions.support.running import Ended, Read, Running
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.policy import Step
from ebpftrace.text import clean
from ebpftrace.units import format_duration


@dataclass(slots=True)
class Rung:
    """A running action and its timeout. Times are CLOCK_MONOTONIC nanoseconds."""

    step: Step
    began_ns: int
    running: Running | None = None  # None: not started
    timed_out: bool = False
    saving: bool = False  # its evidence is read, but not on the disk yet
    earlier_evidence: Path | None = None  # which counts again if that fails

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""
        return () if self.running is None else self.running.fds

    @property
    def deadline_ns(self) -> int:
        """Poll by then."""
        end = self.began_ns + self.step.timeout_ns
        due = None if self.running is None else self.running.due_ns
        if due is None:
            return end
        return due if self.timed_out else min(end, due)

    def poll(self, now_ns: int) -> Ended | Read | None:
        """How it ended, on its own or at its timeout; None: not yet."""
        assert self.running is not None
        try:
            ended = self.running.poll(now_ns)
        except Exception as error:
            ended = failed(error)
        if self.timed_out:
            return self._stopped() if isinstance(ended, Ended) else None
        if ended is None and now_ns - self.began_ns >= self.step.timeout_ns:
            self.timed_out = True
            return None if self.running.cancel(now_ns) else self._stopped()
        return ended

    def _stopped(self) -> Ended:
        took = format_duration(self.step.timeout_ns)
        return Ended(StepStatus.TIMED_OUT, f"stopped after {took}")

    def stop(self) -> str:
        """Stop the action and what it started; what could not be stopped, in words."""
        return "" if self.running is None else self.running.stop()


def failed(error: Exception) -> Ended:
    """An action raised: out of descriptors, threads or memory, or a bug.

    The step fails and the ladder continues, so that the breaker survives.
    """
    return Ended(StepStatus.FAILED, clean(f"{type(error).__name__}: {error}"))
