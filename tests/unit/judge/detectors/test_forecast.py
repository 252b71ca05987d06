"""The forecast of a limit, on curves: when it is made, and that it is not."""

import pytest

from ebpftrace.judge.detectors.forecast import ForecastDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.units import MIB
from tests.support.curves import (
    Curve,
    added,
    at_first_verdict,
    line,
    paused,
    plateau,
    settling,
    teeth,
    watched,
)
from tests.support.pasts import AtMost


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
def test_a_limit_is_forecast_before_seventy_percent_of_the_way(curve: Curve) -> None:
    samples = at_first_verdict(ForecastDetector(), curve, 9000)
    assert samples is not None
    assert 0.5 * 1024 < samples.now.held_bytes / MIB < 0.7 * 1024


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
def test_what_does_not_climb_on_has_no_forecast(curve: Curve) -> None:
    assert at_first_verdict(ForecastDetector(), curve, 200) is None


def test_without_a_limit_there_is_nothing_to_forecast() -> None:
    assert ForecastDetector().verdict(watched(line(10), 400, limit=None)) is None


def test_the_longer_it_lasts_the_less_is_asked() -> None:
    forecast = ForecastDetector()
    bounds = [forecast.bound_share(seconds) for seconds in (5, 20, 60, 300, 600, 900)]
    assert bounds[0] == bounds[1] == forecast.short_share
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == bounds[-2] == pytest.approx(forecast.long_share)


def test_a_forecast_reports_what_it_measured_and_no_leak() -> None:
    verdict = ForecastDetector().verdict(watched(line(10), 72))
    assert verdict is not None
    assert verdict.severity is Severity.NOTICE
    assert verdict.words == (
        "has climbed by 720 MiB in 72 s, anon only, 72% of the room it began with; at this "
        "rate the limit of 1 GiB is 28 s away"
    )


def test_it_is_a_warning_when_the_limit_is_less_than_ten_seconds_away() -> None:
    early, late = watched(line(10), 90), watched(line(10), 91)
    first, second = ForecastDetector().verdict(early), ForecastDetector().verdict(late)
    assert first is not None
    assert second is not None
    assert first.seconds_to_limit == pytest.approx(10.4, abs=0.1)
    assert second.seconds_to_limit == pytest.approx(9.4, abs=0.1)
    assert (first.severity, second.severity) == (Severity.NOTICE, Severity.WARNING)


def test_inside_its_past_it_stays_a_notice() -> None:
    samples = watched(line(10), 95)
    for most, severity in ((1000, Severity.NOTICE), (500, Severity.WARNING)):
        samples.past = AtMost(most * MIB)
        verdict = ForecastDetector().verdict(samples)
        assert verdict is not None
        assert verdict.severity is severity


def test_high_teeth_come_to_the_limit_first() -> None:
    forecast = ForecastDetector()
    shares = [forecast.bound_share(20, high) for high in (0.3, 0.1)]
    assert shares[0] < shares[1] < forecast.short_share
    assert forecast.bound_share(20, 0.9) == 0.8 * forecast.short_share
    samples = at_first_verdict(forecast, added(line(3, start=0), teeth(300, 10, base=20)), 300)
    assert samples is not None
    assert samples.now.held_bytes / MIB < 0.7 * 1024
