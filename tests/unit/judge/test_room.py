"""The room above a climb is what its peaks leave."""

from ebpftrace.judge.room import room_bytes, seconds_left, tooth_bytes
from ebpftrace.judge.slope import SteadyClimb
from ebpftrace.units import MIB
from tests.support.curves import added, line, teeth, watched


def test_the_peaks_of_a_sawtooth_count() -> None:
    samples = watched(teeth(100, 10, base=50), 41)
    assert samples.now.held_bytes == 60 * MIB
    assert room_bytes(samples) == (1024 - 145) * MIB


def test_none_without_a_limit_and_none_below_zero() -> None:
    assert room_bytes(watched(line(1), 10, limit=None)) is None
    assert room_bytes(watched(line(1, start=200), 10, limit=100)) == 0


def test_a_week_away_is_no_news() -> None:
    samples = watched(line(0), 10)
    assert seconds_left(samples, SteadyClimb(0, 10, 8 * MIB, MIB)) == 1004
    assert seconds_left(samples, SteadyClimb(0, 10, 8 * MIB, 1)) is None


def test_teeth_stand_above_the_floor_and_a_line_has_none() -> None:
    climb = SteadyClimb(0, 60, 60 * MIB, 1 * MIB)
    sawtooth = watched(added(line(1), teeth(100, 10, base=0)), 65)
    assert 70 * MIB < tooth_bytes(sawtooth, climb) <= 100 * MIB
    assert tooth_bytes(watched(line(1), 65), climb) == 0
