"""The dashboard, drawn from scripted snapshots and compared with golden pictures.

`EBPFTRACE_GOLDEN=write python -m pytest tests/unit/views/dashboard/test_draw.py` draws
them anew; look at what changed before committing it.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState, Pane, RowKey, Sort
from ebpftrace.views.dashboard.render.picture import as_svg, as_text
from ebpftrace.views.dashboard.render.spans import plain
from ebpftrace.views.dashboard.render.theme import ASCII, make_theme
from tests.support import dashboards
from tests.support.dashboards import drawn, screen

GOLDEN = Path(__file__).parent / "golden"
SEVERAL = dashboards.several()
LEAK = dashboards.leaking_job()
MANY = dashboards.many()
JOB = RowKey(LEAK.identity.key)
PROCESS = RowKey(LEAK.identity.key, LEAK.processes[0].key)
LOSSY = SEVERAL._replace(losses={"ring_buffer_full": 12, "map_full": 2}, node_oom_kills=3)

SCENES: dict[str, tuple[DashboardState, ScreenData]] = {
    "starting": (DashboardState(), ScreenData()),
    "empty": (DashboardState(), screen(dashboards.snapshot(), ())),
    "one": (DashboardState(), screen(dashboards.snapshot(dashboards.steady_job()), ())),
    "many": (DashboardState(), screen(MANY)),
    "limit-near": (DashboardState(), screen(dashboards.snapshot(dashboards.near_job()))),
    "oom-kill": (DashboardState(), screen(dashboards.snapshot(dashboards.killed_job()))),
    "several": (DashboardState(), screen(SEVERAL)),
    "losses": (DashboardState(), screen(LOSSY)),
    "filter": (DashboardState(filter_text="GO", typing=True), screen(SEVERAL)),
    "no-match": (DashboardState(filter_text="nothing is called so"), screen(SEVERAL)),
    "folded": (DashboardState(all_folded=True, sort=Sort.NAME), screen(SEVERAL)),
    "scrolled": (DashboardState(cursor=RowKey(MANY.jobs[100].identity.key)), screen(MANY)),
    "paused": (DashboardState(paused=True), replace(screen(SEVERAL), unseen=3)),
    "help": (DashboardState(pane=Pane.HELP), screen(SEVERAL)),
    "job-detail": (DashboardState(pane=Pane.DETAIL, cursor=JOB), screen(SEVERAL)),
    "process-detail": (
        DashboardState(pane=Pane.DETAIL, cursor=PROCESS, window=2),
        screen(SEVERAL),
    ),
    "frozen": (DashboardState(), dashboards.frozen()),
    "frozen-detail": (DashboardState(pane=Pane.DETAIL, cursor=PROCESS), dashboards.frozen()),
    "message": (
        DashboardState(message="saved ebpftrace-20261123T120007Z.svg"),
        screen(SEVERAL),
    ),
}
SIZES = ((10, 5), (40, 12), (80, 24), (200, 60))


def assert_golden(name: str, drawn_text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("EBPFTRACE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn_text, encoding="utf-8")
    assert drawn_text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_the_screen_is_drawn_as_it_was(name: str, width: int, height: int) -> None:
    frame = drawn(*SCENES[name], width, height)
    assert_golden(f"{name}-{width}x{height}.txt", as_text(frame.lines))


@pytest.mark.parametrize("name", ["several", "process-detail", "frozen", "frozen-detail"])
def test_the_picture_is_drawn_as_it_was(name: str) -> None:
    frame = drawn(*SCENES[name], 100, 30, make_theme("truecolor"))
    assert_golden(f"{name}-100x30.svg", as_svg(frame.lines, 100, "ebpftrace watch"))


def test_without_unicode_the_screen_is_ascii() -> None:
    for state in (
        DashboardState(),
        DashboardState(pane=Pane.DETAIL),
        DashboardState(pane=Pane.HELP),
    ):
        for shown in (screen(dashboards.snapshot(LEAK), ()), dashboards.frozen()):
            text = as_text(drawn(state, shown, 100, 40, make_theme("standard", ASCII)).lines)
            assert set(text) <= {chr(code) for code in (10, *range(32, 127))}


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_wider_or_higher_than_the_screen(name: str) -> None:
    for width in (1, 2, 3, 7, 10, 11, 23, 24, 39, 40, 59, 60, 79, 80, 119, 120, 149, 150, 231):
        for height in (1, 2, 3, 5, 6, 7, 8, 15, 16, 24, 36, 61):
            frame = drawn(*SCENES[name], width, height)
            assert len(frame.lines) == height, (width, height)
            widest = max(cell_len(plain(line)) for line in frame.lines)
            assert widest <= width, (width, height)


def test_the_cursor_is_always_in_sight() -> None:
    listed = rows(MANY, DashboardState())
    top = 0
    for index in (0, 5, 40, 2199, 2198, 1000, 990, 3):
        state = DashboardState(cursor=listed[index].key, top=top)
        frame = drawn(state, screen(MANY), 80, 24)
        top = frame.top
        assert top <= index < top + frame.page
        shown = listed[index]
        name = f"{shown.process.comm} {shown.process.pid}" if shown.process else (
            shown.job.identity.name
        )  # fmt: skip
        assert name in as_text(frame.lines)


def test_a_paused_screen_counts_the_events_since() -> None:
    text = as_text(drawn(*SCENES["paused"], 80, 24).lines)
    assert "paused at 12:00:07Z, 3 events since" in text.splitlines()[0]


def test_the_top_names_the_job_in_trouble_when_it_is_scrolled_away() -> None:
    troubled = dashboards.snapshot(dashboards.killed_job(), *MANY.jobs[100:])
    text = as_text(drawn(DashboardState(), screen(troubled), 80, 24).lines)
    assert "✗ killed 2 oom kills, last at 12:00:05 (gopls 4711)" in text
