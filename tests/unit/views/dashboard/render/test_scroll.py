from ebpftrace.views.dashboard.render.scroll import scrolled
from ebpftrace.views.dashboard.render.spans import Line, plain, text
from tests.support.dashboards import PLAIN

LINES: list[Line] = [(text(f"line {number}"),) for number in range(10)]


def shown(first: int, height: int) -> tuple[list[str], int]:
    part, furthest = scrolled(LINES, first, 40, height, PLAIN)
    return [plain(line) for line in part], furthest


def test_lines_that_fit_are_all_shown() -> None:
    assert shown(0, 10) == ([f"line {number}" for number in range(10)], 0)


def test_the_last_line_counts_the_lines_below() -> None:
    assert shown(0, 3) == (["line 0", "line 1", " … 8 more lines, PgDn"], 7)


def test_the_end_is_reached_and_not_passed() -> None:
    assert shown(99, 3) == (["line 7", "line 8", "line 9"], 7)
