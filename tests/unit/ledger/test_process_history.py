"""One `add` feeds growth, climb and curve of a process."""

import random

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


@pytest.mark.parametrize("seed", range(10))
def test_one_at_rest_is_as_if_all_of_it_was_kept_from_the_start(seed: int) -> None:
    choose = random.Random(seed)
    held, at = choose.choice((0, 5, 70)) * MIB, NS_PER_SECOND // 3
    compact, whole = ProcessHistory(at, held), ProcessHistory(at, held)
    whole._unfold()
    for _ in range(choose.randrange(1, 12)):
        for one in (compact, whole):
            assert one.growth(0) == whole.growth(0)
            assert one.growth(7) == whole.growth(7)
            assert one.curve() == whole.curve()
            assert one.recent_growth_bytes == whole.recent_growth_bytes
            assert one.climb == whole.climb
            assert one.wakes_ns() == whole.wakes_ns()
        before, at = at, at + choose.choice((1, 4, 90)) * NS_PER_SECOND // 2
        match choose.randrange(5):
            case 0:
                held += choose.choice((-1, 1, 9)) * MIB if held else MIB
            case 1:
                compact.lift(MIB)
                whole.lift(MIB)
        for one in (compact, whole):
            one.add(at, held, before)


def test_one_at_rest_keeps_nothing_but_its_value() -> None:
    history = ProcessHistory(0, 5 * MIB)
    history.add(NS_PER_SECOND, 5 * MIB)
    assert history._parts is None
    history.add(2 * NS_PER_SECOND, 6 * MIB)
    assert history.growth(0).bytes_total == MIB
