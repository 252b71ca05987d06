"""The room above a climb is what its peaks leave, and the time to the limit follows."""

from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.trend import NO_TREND, JobSeries, Trend
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import added, line, teeth, watched

CLIMB = SteadyClimb(0, 10, 8 * MIB, MIB)


def test_the_peaks_of_a_sawtooth_leave_the_least_room() -> None:
    samples = watched(teeth(100, 10, base=50), 41)
    assert samples.now.held_bytes == 60 * MIB
    assert samples.trend.room_bytes == (1024 - 145) * MIB


def test_room_is_unknown_without_a_limit_and_never_below_zero() -> None:
    assert watched(line(1), 10, limit=None).trend.room_bytes is None
    assert watched(line(1, start=200), 10, limit=100).trend.room_bytes == 0


def test_a_limit_more_than_a_week_away_is_no_news() -> None:
    assert Trend(CLIMB, 1004 * MIB).seconds_to_limit == 1004
    assert Trend(SteadyClimb(0, 10, 8 * MIB, 1), 1004 * MIB).seconds_to_limit is None


def test_there_is_no_time_to_the_limit_without_a_climb_or_a_limit() -> None:
    assert Trend(None, MIB).seconds_to_limit is None
    assert Trend(CLIMB, None).seconds_to_limit is None
    assert NO_TREND.bytes_per_second == 0


def test_teeth_stand_above_the_floor_and_a_line_has_none() -> None:
    sawtooth = watched(added(line(1), teeth(100, 10, base=0)), 65)
    assert sawtooth.trend.climb is not None
    assert 70 * MIB < sawtooth.trend.tooth_bytes <= 100 * MIB
    assert watched(line(1), 65).trend.tooth_bytes == 0


def test_samples_that_come_too_soon_change_nothing() -> None:
    series = JobSeries()
    series.add(0, 10 * MIB, 100)
    series.add(NS_PER_SECOND // 10, 10 * MIB, 5)
    assert series.trend.room_bytes == 100
