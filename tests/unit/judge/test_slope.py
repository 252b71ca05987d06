"""What is a climb, and what only looks like one."""

import pytest

from ebpftrace.judge.slope import steadiest
from ebpftrace.units import MIB
from tests.support.curves import (
    Curve,
    added,
    line,
    paused,
    plateau,
    settling,
    teeth,
    watched,
)


@pytest.mark.parametrize("rate", [1, 10, 100])
def test_a_line_is_one_for_all_its_length(rate: float) -> None:
    climb = steadiest(watched(line(rate), 60))
    assert climb is not None
    assert climb.seconds == 60
    assert climb.rate == pytest.approx(rate * MIB)
    assert climb.gain_bytes == pytest.approx(60 * rate * MIB)


@pytest.mark.parametrize(
    "curve",
    [
        paused(10, on=5, off=5),
        paused(10, on=5, off=10),
        added(line(2), teeth(20, 5)),
        added(line(2), teeth(100, 10)),
    ],
    ids=["5 s pauses", "10 s pauses", "short teeth", "teeth ten times as large"],
)
def test_it_survives_pauses_and_teeth(curve: Curve) -> None:
    climb = steadiest(watched(curve, 90))
    assert climb is not None
    assert climb.seconds > 40
    true = (curve(90) - curve(0)) / 90
    assert climb.rate == pytest.approx(true * MIB, rel=0.35)


@pytest.mark.parametrize(
    ("curve", "seconds"),
    [
        (lambda t: 300.0, 60),
        (teeth(200, 7), 63.5),
        (teeth(200, 20), 79.5),
        (plateau(200, until=3), 30),
        (plateau(10, until=30), 50),
        (settling(300, 6), 60),
        (lambda t: 20.0 if t < 20 else 400.0, 60),
        (lambda t: 400.0 - 4 * t, 60),
    ],
    ids=["flat", "teeth", "slow teeth", "burst", "plateau", "settling", "jump", "falling"],
)
def test_these_are_none(curve: Curve, seconds: float) -> None:
    assert steadiest(watched(curve, seconds)) is None


def test_a_new_climb_after_a_big_drop_starts_anew() -> None:
    climb = steadiest(watched(lambda t: 500.0 if t < 40 else 20 + 20 * (t - 40), 70))
    assert climb is not None
    assert climb.seconds <= 41


def test_too_little_is_no_climb() -> None:
    assert steadiest(watched(line(0.05), 100)) is None


def test_the_first_seconds_say_nothing() -> None:
    assert steadiest(watched(line(100), 6)) is None
