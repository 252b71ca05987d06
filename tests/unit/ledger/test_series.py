"""Teeth, dips, and samples that come too soon."""

from ebpftrace.ledger.series import HeldSeries
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.curves import held, line, teeth


def test_samples_that_come_too_soon_are_skipped() -> None:
    series = HeldSeries()
    assert series.add(0, 10 * MIB)
    assert not series.add(NS_PER_SECOND // 10, 20 * MIB)
    assert series.held_bytes == 10 * MIB
    assert series.add(NS_PER_SECOND // 4, 20 * MIB)
    assert series.held_bytes == 20 * MIB


def test_a_tooth_is_as_long_as_it_lasted() -> None:
    series = held(teeth(100, 10), 45)
    assert 8 <= series.tooth_ns / NS_PER_SECOND <= 10
    assert series.peak_before_bytes == 145 * MIB
    assert held(lambda t: 50 + t % 2, 45).tooth_ns == 0


def test_teeth_are_forgotten() -> None:
    series = held(lambda t: 100.0 if t < 10 else 20.0, 400, every=1)
    assert series.tooth_ns == 0
    assert series.peak_before_bytes == 0


def test_a_dip_between_two_short_children_is_filled() -> None:
    series = held(lambda t: 0.0 if t == 20 else 100 + t, 30)
    assert series.floor.at(series.now_ns - 25 * NS_PER_SECOND) > 100 * MIB


def test_age_counts_from_the_first_sample() -> None:
    assert held(line(1), 12).age_ns == 12 * NS_PER_SECOND
