"""How a step ended, how an incident ended, and the events of an incident."""

from enum import StrEnum
from typing import NamedTuple

from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding


class StepStatus(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"  # a guard, the budget, a cool-down, or a dry run: `detail` says which


class StepOutcome(NamedTuple):
    """How one step of an incident ended; `detail` is one cleaned line.

    `began_ns` and `monotonic_ns` (its end) are CLOCK_MONOTONIC, `time_ns` is the end in
    Unix time, `after_breach_ns` how long after the breach it began.
    """

    incident: str
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    action: str
    status: StepStatus
    detail: str
    began_ns: int
    took_ns: int
    monotonic_ns: int
    time_ns: int
    after_breach_ns: int = 0


class Outcome(NamedTuple):
    """How an incident ended, and whether its steps helped.

    `canceled`: a user ended the incident, so `helped` says nothing about the ladder.
    `evidence` is the folder of the saved evidence, "" without one. Times as in a
    `StepOutcome`; `took_ns` counts from the breach.
    """

    incident: str
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    helped: bool
    freed_bytes: int
    took_ns: int
    sentence: str
    evidence: str
    monotonic_ns: int
    time_ns: int
    canceled: bool = False


class SuppressedTrigger(NamedTuple):
    """A policy's conditions hold for a job, and no incident starts; `reason` says why."""

    policy: str
    job: JobIdentity
    reason: str

    @property
    def sentence(self) -> str:
        """`policy command line does nothing in build-42: the job is in its cool-down`."""
        return f"policy {self.policy} does nothing in {self.job.name}: {self.reason}"


BreakerEvent = Finding | StepOutcome | Outcome | SuppressedTrigger
"""The events of an incident: its finding, each step, its outcome; or why there is none."""
