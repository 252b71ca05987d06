"""What a snapshot shows and what a finding of the same moment reports cannot differ."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.judge.detectors.climb import ClimbDetector
from ebpftrace.judge.detectors.forecast import ForecastDetector
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.detectors.time_to_limit import TimeToLimitDetector
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import added, line, paused, plateau, settling, teeth
from tests.support.scripted_ledger import ScriptedLedger

LIMIT_MIB = 4096
Moment = tuple[JobSnapshot, tuple[Finding, ...]]


def moments(curve: Callable[[float], float], seconds: int) -> list[Moment]:
    """Each snapshot of a process that follows a curve, with the findings in force then."""
    book, found = ScriptedLedger(), []
    judge = Judge(
        [
            ClimbDetector(1, NS_PER_SECOND),
            TimeToLimitDetector(10**6),
            ForecastDetector(short_share=0.05, long_share=0.05),
            LeakDetector(long_seconds=8, long_share=0.05),
            GrowthDetector(10 * NS_PER_SECOND, 4 * MIB),
        ],
        processes=True,
    )
    book.start(1, round(curve(0)))
    for second in range(seconds):
        book.at = second
        held = round(curve(second))
        book.read(1, held)
        book.cgroup(
            charge_bytes=held * MIB,
            limit_bytes=LIMIT_MIB * MIB,
            headroom_bytes=(LIMIT_MIB - held) * MIB,
        )
        snapshot = book.snapshot()
        judge.judge(snapshot)
        now = tuple(
            finding
            for finding in judge.active
            if finding.monotonic_ns == snapshot.monotonic_ns
            and finding.state is not FindingState.END
        )
        found.append((snapshot.jobs[0], now))
    return found


def check(job: JobSnapshot, finding: Finding) -> None:
    subject = job if finding.subject.process is None else job.processes[0]
    assert finding.seconds_to_limit == subject.trend.seconds_to_limit
    if finding.detector == "climb":
        assert round(finding.measured) == subject.growth.bytes_per_second
    if finding.detector == "time_to_limit":
        assert finding.measured == subject.trend.seconds_to_limit


@pytest.mark.parametrize(
    "curve",
    [
        line(10), paused(20, 10, 5), added(line(4), teeth(200, 10)), plateau(40, 30),
        settling(800, 30), lambda t: 900 - 5 * t if t < 30 else 750 + 8 * (t - 30),
    ],
    ids=["line", "pauses", "teeth", "plateau", "settling", "fall, then rise"],
)  # fmt: skip
def test_scripted_curves(curve: Callable[[float], float]) -> None:
    found = moments(curve, 120)
    assert any(finding.detector == "climb" for _, now in found for finding in now)
    for job, now in found:
        for finding in now:
            check(job, finding)


@given(st.lists(st.integers(0, 60), min_size=12, max_size=60), st.integers(1, 9))
def test_any_curve(steps: list[int], drop: int) -> None:
    heights = [100]
    for number, step in enumerate(steps):
        heights.append(max(1, heights[-1] + (-3 * step if number % 10 == drop else step)))
    for job, now in moments(lambda t: heights[int(t)], len(heights)):
        for finding in now:
            check(job, finding)
        assert job.seconds_to_limit == job.trend.seconds_to_limit
