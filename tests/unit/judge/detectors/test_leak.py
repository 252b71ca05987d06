"""The built-in judgement of leaks, on curves: when it is called, and that it is not."""

import pytest

from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.units import GIB, MIB
from tests.support.curves import (
    Curve,
    added,
    line,
    paused,
    plateau,
    settling,
    teeth,
    watched,
    watching,
)


def called_at(curve: Curve, seconds: float, limit: float = 1024) -> float | None:
    """How many MiB are held when it is called."""
    for samples in watching(curve, seconds, limit=limit):
        if LeakDetector().verdict(samples) is not None:
            return samples.now.held_bytes / MIB
    return None


@pytest.mark.parametrize(
    "curve",
    [
        line(0.1),
        line(1),
        line(10),
        line(40),
        paused(10, 5, 8),
        added(line(2), teeth(20, 5, base=0)),
    ],
    ids=["6 MiB/min", "1 MiB/s", "10 MiB/s", "40 MiB/s", "pauses", "teeth"],
)
def test_a_leak_is_called_before_seventy_percent_of_the_way(curve: Curve) -> None:
    at = called_at(curve, 9000)
    assert at is not None
    assert 0.5 * 1024 < at < 0.7 * 1024


@pytest.mark.parametrize(
    "curve",
    [
        teeth(400, 10),
        teeth(500, 30),
        plateau(200, until=4),
        plateau(10, until=40),
        settling(500, 15),
        lambda t: 950.0,
    ],
    ids=["teeth", "slow teeth", "burst", "warm-up", "settling", "full from the start"],
)
def test_what_is_fine_is_not_called(curve: Curve) -> None:
    assert called_at(curve, 200) is None


def test_the_longer_it_lasts_the_less_is_asked() -> None:
    leak = LeakDetector()
    bounds = [leak.bound_share(seconds) for seconds in (5, 20, 60, 300, 600, 900)]
    assert bounds[0] == bounds[1] == leak.short_share
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == bounds[-2] == pytest.approx(leak.long_share)


def test_a_leak_reports_what_it_measured() -> None:
    verdict = LeakDetector().verdict(watched(line(10), 72))
    assert verdict is not None
    assert verdict.severity is Severity.WARNING
    assert verdict.words == (
        "gained 720 MiB in 72 s and gave nothing back, anon only, 72% of the room it began "
        "with (bound 58%); at this rate the limit of 1 GiB is 28 s away"
    )


def test_it_is_critical_when_the_end_is_near() -> None:
    verdict = LeakDetector().verdict(watched(line(10), 90))
    assert verdict is not None
    assert verdict.seconds_to_limit == pytest.approx(10.4)
    assert verdict.severity is Severity.CRITICAL


def test_without_a_limit_only_a_long_and_large_climb() -> None:
    assert LeakDetector().verdict(watched(line(10), 200, limit=None)) is None
    assert LeakDetector().verdict(watched(line(1), 400, limit=None)) is None
    verdict = LeakDetector().verdict(watched(line(10), 400, limit=None))
    assert verdict is not None
    assert verdict.measured > 3 * GIB
    assert verdict.words.endswith("no limit is set")


def test_high_teeth_come_to_the_limit_first() -> None:
    leak = LeakDetector()
    assert leak.bound_share(20, 0.3) < leak.bound_share(20, 0.1) < leak.short_share
    assert leak.bound_share(20, 0.9) == 0.8 * leak.short_share
    at = called_at(added(line(3, start=0), teeth(300, 10, base=20)), 300)
    assert at is not None
    assert at < 0.7 * 1024
