"""The built-in judgement of leaks, on curves: what is evidence, and what is none."""

import pytest

from ebpftrace.judge.detector import Verdict
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.curves import (
    Curve,
    at_first_verdict,
    line,
    paused,
    plateau,
    settling,
    teeth,
    watched,
    watching,
)
from tests.support.pasts import AtMost


def with_past(samples: Samples, past: AtMost) -> Verdict | None:
    samples.past = past
    return LeakDetector().verdict(samples)


@pytest.mark.parametrize(
    "curve",
    [line(100), line(10), plateau(10, until=90), settling(900, 30), teeth(900, 30)],
    ids=["100 MiB/s", "10 MiB/s", "90% of the limit in 90 s", "settling", "teeth"],
)
def test_a_climb_is_no_leak(curve: Curve) -> None:
    assert at_first_verdict(LeakDetector(), curve, 100) is None


@pytest.mark.parametrize("curve", [line(3), line(1), line(0.1), paused(3, 5, 3)],
                         ids=["3 MiB/s", "1 MiB/s", "6 MiB/min", "pauses"])  # fmt: skip
def test_a_climb_that_lasts_longer_than_healthy_ones_is_called(curve: Curve) -> None:
    leak = LeakDetector()
    samples = at_first_verdict(leak, curve, 9000)
    assert samples is not None
    at = samples.age_ns / NS_PER_SECOND
    assert at >= leak.long_seconds
    assert 0.58 * 1024 < curve(at) < 0.95 * 1024


def test_a_long_climb_reports_its_evidence() -> None:
    verdict = LeakDetector().verdict(watched(line(3), 240))
    assert verdict is not None
    assert (verdict.severity, verdict.unit) == (Severity.WARNING, FindingUnit.SHARE)
    assert verdict.words == (
        "has climbed by 720 MiB in 4 min, anon only, 72% of the room it began with (bound "
        "60%), for longer than the 240 s that healthy jobs climb; at this rate the limit of "
        "1 GiB is 95 s away"
    )


def test_a_long_climb_is_critical_when_the_end_is_near() -> None:
    verdict = LeakDetector().verdict(watched(line(3), 300))
    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL


def test_a_job_that_left_its_past_is_called_however_flat() -> None:
    verdict = with_past(watched(lambda t: 300, 30), AtMost(200 * MIB))
    assert verdict is not None
    assert verdict.severity is Severity.WARNING
    assert (verdict.measured, verdict.bound) == (300 * MIB, 200 * MIB)
    assert verdict.words == "holds 300 MiB at 30 s; in its last 3 runs at most 200 MiB"
    assert verdict.ends_below_bytes == 200 * MIB


@pytest.mark.parametrize(
    ("curve", "seconds", "severity"),
    [
        (line(30), 20, Severity.WARNING),  # 14 s before the limit, with 61% of it taken
        (line(30), 30, Severity.WARNING),  # 89.8%
        (line(30), 31, Severity.CRITICAL),
        (line(1), 935, Severity.WARNING),  # 93% taken, and 69 s before it
        (line(1), 985, Severity.CRITICAL),
        (plateau(30, until=31), 90, Severity.WARNING),  # at rest with 93% taken
    ],
)
def test_outside_its_past_it_is_critical_when_it_climbs_near_the_limit(
    curve: Curve, seconds: float, severity: Severity
) -> None:
    verdict = with_past(watched(curve, seconds), AtMost(200 * MIB))
    assert verdict is not None
    assert verdict.severity is severity


def test_while_a_change_of_the_job_is_learned_it_is_a_warning() -> None:
    verdict = with_past(watched(line(30), 31), AtMost(200 * MIB, steady=False))
    assert verdict is not None
    assert verdict.severity is Severity.WARNING


@pytest.mark.parametrize(("curve", "limit"), [(line(100), 1024), (line(4), 1024),
                                              (line(10), None)])  # fmt: skip
def test_inside_its_past_nothing_is_called(curve: Curve, limit: float | None) -> None:
    for samples in watching(curve, 400, limit=limit):
        assert with_past(samples, AtMost(1 << 50)) is None


def test_without_a_limit_only_a_long_and_large_climb() -> None:
    assert LeakDetector().verdict(watched(line(10), 200, limit=None)) is None
    assert LeakDetector().verdict(watched(line(1), 400, limit=None)) is None
    verdict = LeakDetector().verdict(watched(line(10), 400, limit=None))
    assert verdict is not None
    assert verdict.severity is Severity.WARNING
    assert verdict.measured > 3 * GIB
    assert verdict.words.endswith("no limit is set")


@pytest.mark.parametrize("past", [None, AtMost(200 * MIB)])
@pytest.mark.parametrize(
    ("rate", "seconds", "severity"),
    [
        (10, 590, Severity.WARNING),
        (10, 605, Severity.CRITICAL),
        (1.6, 620, Severity.WARNING),  # less than 1 GiB
        (1.8, 620, Severity.CRITICAL),
    ],
)
def test_without_a_limit_it_is_critical_after_twice_as_much(
    past: AtMost | None, rate: float, seconds: float, severity: Severity
) -> None:
    samples = watched(line(rate), seconds, limit=None)
    samples.past = past
    verdict = LeakDetector().verdict(samples)
    assert verdict is not None
    assert verdict.severity is severity
