from dataclasses import replace

import pytest
from rich.cells import cell_len

from ebpftrace.counters import CallCount
from ebpftrace.units import MIB
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.detail import detail
from ebpftrace.views.dashboard.render.scroll import scrolled
from ebpftrace.views.dashboard.render.spans import Line, plain
from tests.support import dashboards
from tests.support.dashboards import PLAIN, screen

LEAK = dashboards.leaking_job()
PROCESS = LEAK.processes[0]


def shown(row: Row, width: int, height: int) -> list[Line]:
    of = screen(dashboards.snapshot(row.job))
    lines = detail(row, of, DashboardState(), width, height, PLAIN)
    return scrolled(lines, 0, width, height, PLAIN)[0]


def detail_text(row: Row, width: int = 100, height: int = 40) -> str:
    return "\n".join(plain(line) for line in shown(row, width, height))


def test_the_detail_of_a_job_has_its_identification_and_its_limit() -> None:
    text = detail_text(Row(LEAK))
    for part in ("buildkite, by GITHUB_RUN_ID of pid 4711", "/ci/acme/search#903", "88% of the",
                 "full in    2m10s", "peak by    gopls 4711", "stalled    120ms, 3 times",
                 "limit ──"):  # fmt: skip
        assert part in text


def test_the_detail_of_a_process_has_its_mappings_and_calls() -> None:
    calls = {"mmap": CallCount(290, 576 * MIB, 0), "munmap": CallCount(21, 0, 16 * MIB)}
    counted = replace(PROCESS, counters=PROCESS.counters._replace(calls=calls))
    text = detail_text(Row(LEAK, counted))
    for part in ("gopls 4711 · running", "/usr/local/bin/gopls", "mapped     1.7 GiB",
                 "heap, brk  132 KiB", "mmap       290, +576 MiB", "munmap     21, -16 MiB",
                 "mappings   311 changes", "parent     4700"):  # fmt: skip
        assert part in text


def test_what_was_found_and_the_last_kill_stand_first() -> None:
    lines = detail_text(Row(LEAK), 80, 12).splitlines()
    assert lines[2].startswith(" finding    leak since 11:57:57: gopls 4711 ")
    assert lines[-1].endswith("more lines, PgDn")
    assert " last kill  12:00:05, gopls 4711" in detail_text(Row(dashboards.killed_job()))


def test_all_facts_can_be_scrolled_to() -> None:
    of = screen(dashboards.snapshot(LEAK))
    for width, height in ((40, 9), (80, 12), (80, 20), (200, 50)):
        lines = detail(Row(LEAK), of, DashboardState(), width, height, PLAIN)
        text = "\n".join(plain(line) for line in lines)
        for label in (
            "resident",
            "growth",
            "in total",
            "oom kills",
            "processes",
            "cgroup",
            "held",
        ):
            assert f" {label} " in text, (width, height)


def test_a_long_command_takes_three_lines_at_most() -> None:
    long = replace(PROCESS, args=("gopls", *(f"--flag-{n}=value" for n in range(99))))
    lines = detail_text(Row(LEAK, long), 60).splitlines()
    program = next(number for number, line in enumerate(lines) if " program " in line)
    command = next(number for number, line in enumerate(lines) if " command " in line)
    assert program == command + 3
    assert lines[program - 1].endswith("…")


@pytest.mark.parametrize("row", [Row(LEAK), Row(LEAK, PROCESS)], ids=["job", "process"])
def test_sizes_come_first_on_a_low_screen_and_nothing_is_too_wide(row: Row) -> None:
    assert "resident" in detail_text(row, 40, 9)
    for width in (1, 5, 13, 26, 40, 78, 200):
        for height in (1, 4, 13, 14, 20, 60):
            lines = detail_text(row, width, height).splitlines()
            assert len(lines) <= height
            assert max(map(cell_len, lines)) <= width
