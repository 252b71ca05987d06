from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpftrace.ledger import JobState
from ebpftrace.units import MIB
from ebpftrace.views.dashboard.model.rows import Row, rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState, Sort
from ebpftrace.views.dashboard.render.columns import CellContext
from ebpftrace.views.dashboard.render.listing import Listing
from ebpftrace.views.dashboard.render.spans import Line, plain, width_of
from tests.support import dashboards, watches
from tests.support.dashboards import PLAIN

SEVERAL = dashboards.several()
MONITOR = watches.process(4712, 11 * MIB, args=("gopls",), role="telemetry")
GONE = watches.job("tekton", oom_kills=1, state=JobState.GONE, peak=199 * MIB)
IDLE = watches.job("idler", state=JobState.IDLE)


def listing(of: Sequence[Row], width: int, state: DashboardState = DashboardState()) -> Listing:  # noqa: B008
    return Listing(of, CellContext(PLAIN, state, ScreenData(snapshot=SEVERAL)), width)


def line(row: Row, width: int, *, chosen: bool = False) -> Line:
    return listing([row], width).line(row, chosen=chosen)


@pytest.mark.parametrize("width", [1, 5, 10, 23, 24, 40, 60, 80, 120, 200])
def test_every_line_takes_exactly_the_width(width: int) -> None:
    shown = rows(SEVERAL, DashboardState())
    list_of = listing(shown, width)
    assert {width_of(list_of.line(row, chosen=False)) for row in shown} == {width}
    assert width_of(list_of.heading()) <= width


def test_the_narrowest_has_a_sign_a_name_and_a_short_size() -> None:
    near = dashboards.near_job()
    assert plain(line(Row(near), 12)) == "!near   2.0G"


def test_what_sorts_is_marked_in_the_heading() -> None:
    for sort, heading in ((Sort.SIZE, "RSS"), (Sort.TIME, "FULL IN"), (Sort.NAME, "JOB")):
        parts = listing([], 80, DashboardState(sort=sort)).heading()
        (marked,) = (part.text.strip() for part in parts if part.style == PLAIN.strong)
        assert marked == heading


def test_ended_jobs_are_marked_and_show_no_old_figures() -> None:
    for job, state in ((GONE, "gone"), (IDLE, "idle")):
        drawn = line(Row(job), 200)
        (name,) = (part for part in drawn if part.text == job.identity.name)
        assert name.style == PLAIN.faint
        assert f" · {state} " in plain(drawn)
        assert "%" not in plain(drawn)
        assert "steady" not in plain(drawn)
    assert " ✗▾ " in plain(line(Row(GONE), 200))
    assert " · 1 oom kill · gone " in plain(line(Row(GONE), 200))


def test_danger_and_kills_have_a_sign_each() -> None:
    near = dashboards.near_job()
    both = replace(near, oom_kills=3)
    assert plain(line(Row(near), 80)).startswith("! ▾ near ")
    assert plain(line(Row(both), 80)).startswith("!✗▾ near")
    assert plain(line(Row(GONE), 80)).startswith(" ✗▾ tekton")
    assert plain(line(Row(both), 200)).startswith("!✗▾ near · 3 oom kills ")
    assert "near ✗3 " in plain(line(Row(both), 40))
    assert plain(line(Row(both), 11)).startswith("!✗near")


def test_what_is_young_is_not_said_to_be_steady() -> None:
    young = dashboards.flat(512 * MIB)
    assert "steady" in plain(line(Row(replace(IDLE, state=JobState.RUNNING, curve=young)), 80))
    young = dashboards.curve(lambda _: 512 * MIB, 7)
    drawn = plain(line(Row(replace(IDLE, state=JobState.RUNNING, curve=young)), 80))
    assert "steady" not in drawn
    assert " ?  " in drawn


def test_a_folded_job_counts_its_processes() -> None:
    job = watches.job("folded", [watches.process(), MONITOR])
    assert "▸ folded · 2 " in plain(line(Row(job, folded=True), 100))


def test_the_crash_monitor_is_not_taken_for_a_second_gopls() -> None:
    job = watches.job("one", [MONITOR])
    assert "gopls 4712 · telemetry " in plain(line(Row(job, MONITOR), 120))


def test_a_pid_is_never_cut() -> None:
    odd = watches.process(4194304, 2 * MIB, comm="fifteen-letters")
    for width in range(24, 120):
        drawn = plain(line(Row(watches.job("one", [odd]), odd), width))
        assert ("4" in drawn) == (" 4194304 " in drawn)


def test_the_chosen_row_is_in_reverse_but_for_its_pictures() -> None:
    drawn = line(Row(dashboards.near_job()), 120, chosen=True)
    assert drawn[0].style == PLAIN.chosen
    (bar,) = (part for part in drawn if "▇▇▇" in part.text)
    assert bar.style != PLAIN.chosen
