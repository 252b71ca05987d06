import pytest
from rich.cells import cell_len

from ebpftrace.ledger import Curve
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.render.chart import chart
from ebpftrace.views.dashboard.render.spans import plain
from ebpftrace.views.dashboard.render.theme import ASCII, make_theme
from tests.support import dashboards
from tests.support.dashboards import PLAIN

FIVE = 300 * NS_PER_SECOND


def drawn(curve: Curve, limit: int | None = None, height: int = 12) -> list[str]:
    return [plain(line) for line in chart(curve, FIVE, limit, 60, height, PLAIN)]


def test_a_chart_has_two_axes() -> None:
    lines = drawn(dashboards.flat(100 * MIB))
    assert len(lines) == 12
    assert lines[0].startswith(" 128 MiB┤")
    assert lines[5].startswith("  64 MiB┤")
    assert lines[10].startswith("       0└")
    assert lines[11].split() == ["-5m", "-2m30s", "now"]
    assert all(cell_len(line) <= 60 for line in lines)


def test_the_limit_is_the_top_once_the_curve_is_above_a_third_of_it() -> None:
    near = drawn(dashboards.flat(1500 * MIB), 2 * GIB)
    assert near[0].startswith(" 2.0 GiB┤limit ─")
    far = drawn(dashboards.flat(100 * MIB), 2 * GIB)
    assert far[0].startswith(" 128 MiB")
    assert "limit" not in "".join(far)


def test_a_climb_reaches_further_up_on_the_right() -> None:
    lines = drawn(dashboards.curve(lambda second: max(0, second - 600) * MIB))
    filled = [len(line[9:].strip()) for line in lines[:10]]
    assert filled == sorted(filled)
    assert filled[0] < filled[-1]
    assert all(line[9:].rstrip() == line[9:] for line in lines[4:10])  # now is at the edge


@pytest.mark.parametrize(
    ("seconds", "axis"),
    [
        (20, ["-20s", "-10s", "now"]),
        (60, ["-1m", "-30s", "now"]),
        (120, ["-2m", "-1m", "now"]),
        (300, ["-5m", "-2m30s", "now"]),
        (600, ["-5m", "-2m30s", "now"]),
    ],
)
def test_a_young_curve_fills_the_width(seconds: int, axis: list[str]) -> None:
    lines = drawn(dashboards.curve(lambda _: 100 * MIB, seconds=seconds))
    assert " " not in lines[9][9:]
    assert lines[11].split() == axis


def test_a_curve_of_a_few_seconds_is_drawn_in_a_window_of_ten() -> None:
    lines = drawn(dashboards.curve(lambda _: 100 * MIB, seconds=5))
    assert lines[9][9:25].isspace()
    assert " " not in lines[9][35:]
    assert lines[11].split() == ["-10s", "-5.0s", "now"]
    assert drawn(Curve())[9][9:].strip() == ""


@pytest.mark.parametrize("width", [1, 10, 16, 17, 200])
def test_a_chart_fits_any_size(width: int) -> None:
    for height in (0, 1, 3, 4, 5, 30):
        lines = chart(dashboards.leak(), FIVE, GIB, width, height, PLAIN)
        assert len(lines) in (0, height)
        assert all(cell_len(plain(line)) <= width for line in lines)


def test_a_chart_without_braille_is_ascii() -> None:
    look = make_theme(None, ASCII)
    lines = [plain(line) for line in chart(dashboards.leak(), FIVE, None, 60, 12, look)]
    assert "*" in "".join(lines)
    assert all(line.isascii() for line in lines)
