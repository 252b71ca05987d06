"""Past runs of a job, made up."""

from collections.abc import Sequence
from typing import Any

from ebpftrace.history.curve import CurveRecorder
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run, RunEnd
from ebpftrace.units import MIB, NS_PER_SECOND

JOB = RecurringJob("systemd/acme%2Fapp/test", "acme/app test", "gitlab", "/ci.slice/build-*")
Steps = Sequence[tuple[float, float]]
"""Seconds after the start, and MiB held from then on."""

CLIMB: Steps = ((0, 10), (10, 50), (20, 100), (30, 190), (40, 120))


def run(steps: Steps = CLIMB, **changes: Any) -> Run:
    """A clean run under a limit of 400 MiB that held this; `changes` are of the run."""
    recorder = CurveRecorder()
    for age_s, mib in steps:
        recorder.add(age_s, int(mib * MIB))
    made = Run(
        job=JOB,
        watch_key="7:gitlab:1",
        start_time_ns=1_700_000_000 * NS_PER_SECOND,
        duration_ns=int((steps[-1][0] + 5) * NS_PER_SECOND),
        limit_bytes=400 * MIB,
        peak_bytes=recorder.peak_bytes,
        curve=recorder.points,
        end=RunEnd.OK,
        measured="v1 cgroup",
    )
    return made._replace(**changes)
