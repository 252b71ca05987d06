"""One rung of a ladder between its start and its end."""

from dataclasses import dataclass

from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.policy import Step
from ebpftrace.text import clean
from ebpftrace.units import format_duration


@dataclass(slots=True)
class Rung:
    """An action and its timeout. All times are CLOCK_MONOTONIC nanoseconds."""

    step: Step
    began_ns: int
    running: Running | None = None  # None: it was not started

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""
        return () if self.running is None else self.running.fds

    @property
    def deadline_ns(self) -> int:
        """Poll by then."""
        end = self.began_ns + self.step.timeout_ns
        due = None if self.running is None else self.running.due_ns
        return end if due is None else min(end, due)

    def poll(self, now_ns: int) -> Ended | None:
        """How it ended, by itself or at its timeout; None: not yet."""
        assert self.running is not None
        try:
            ended = self.running.poll(now_ns)
        except Exception as error:
            ended = failed(error)
        if ended is None and now_ns - self.began_ns >= self.step.timeout_ns:
            took = format_duration(self.step.timeout_ns)
            return Ended(StepStatus.TIMED_OUT, f"stopped after {took}")
        return ended

    def stop(self) -> str:
        """Ends what it began; what had to be left, in words."""
        return "" if self.running is None else self.running.stop()


def failed(error: Exception) -> Ended:
    """No descriptor, no thread, no memory to be had, or a mistake of ours.

    Told as a failure, and the ladder goes on: a breaker that died would help nobody.
    """
    return Ended(StepStatus.FAILED, clean(f"{type(error).__name__}: {error}"))
