"""One `add` feeds growth, climb and curve of a process."""

import pytest

from ebpftrace.ledger import Curve, GrowthRates
from ebpftrace.ledger.process_history import ProcessHistory
from ebpftrace.units import MIB, NS_PER_SECOND

MINUTE = 60 * NS_PER_SECOND


def test_a_sample_counts_in_growth_climb_and_curve() -> None:
    history = ProcessHistory(0, 100 * MIB)
    for second in range(1, 31):
        history.add(second * NS_PER_SECOND, (100 + second) * MIB)
    assert history.growth(7) == GrowthRates(10 * MIB, 30 * MIB, 30 * MIB, 7)
    assert history.recent_growth_bytes == 2 * MIB
    assert history.climb is not None
    assert history.climb.rate == pytest.approx(MIB, rel=0.02)
    assert history.curve().highest(MINUTE)[1] == [(100 + n) * MIB for n in range(1, 31)]


def test_the_start_counts_in_growth_only() -> None:
    history = ProcessHistory(0, 100 * MIB)
    assert history.curve() == Curve()
    history.add(NS_PER_SECOND, 160 * MIB)
    assert history.growth(0).bytes_total == 60 * MIB
    assert history.climb is None


def test_what_is_lifted_is_neither_growth_nor_a_climb() -> None:
    history = ProcessHistory(0, 10 * MIB)
    for second in range(1, 31):
        history.add(second * NS_PER_SECOND, (10 + second) * MIB)
    history.lift(80 * MIB)
    history.add(31 * NS_PER_SECOND, 121 * MIB)
    assert history.growth(0).bytes_60s == 31 * MIB
    assert history.recent_growth_bytes == 2 * MIB
    assert history.curve().highest(MINUTE)[1] == [(90 + n) * MIB for n in range(1, 32)]
    assert history.climb is None  # it begins anew
