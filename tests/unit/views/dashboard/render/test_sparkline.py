from ebpftrace.ledger import Curve
from ebpftrace.units import MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.render.sparkline import sparkline
from ebpftrace.views.dashboard.render.theme import ASCII, UNICODE
from tests.support import dashboards, watches

NOW = watches.MONOTONIC_NS // NS_PER_SECOND
FIVE = 300 * NS_PER_SECOND


def line(curve: Curve, width: int = 10, now: int = NOW) -> str:
    return sparkline(curve, now, FIVE, width, UNICODE)


def test_a_climb_climbs_and_what_is_steady_is_flat() -> None:
    climb = line(dashboards.curve(lambda second: second * MIB))
    assert list(climb) == sorted(climb)
    assert climb[0] < climb[-1]
    assert line(dashboards.flat(700 * MIB)) == "▁" * 10
    noise = dashboards.curve(lambda second: (700 + second % 2) * MIB)
    assert len(set(line(noise))) == 1


def test_before_it_began_there_is_nothing() -> None:
    young = line(dashboards.curve(lambda _: MIB, seconds=20))
    assert young.startswith(" " * 8)
    assert young.endswith("▁")
    assert line(Curve()) == " " * 10
    assert line(Curve(), 0) == ""


def test_it_ends_now_also_when_nothing_was_noted_since() -> None:
    old = line(dashboards.flat(MIB), now=NOW + 150)
    assert old == "▁" * 5 + " " * 5


def test_signs_of_ascii() -> None:
    line = sparkline(dashboards.leak(), NOW, FIVE, 10, ASCII)
    assert line.isascii()
    assert len(set(line)) > 3
