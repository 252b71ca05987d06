"""The table, drawn at several sizes and compared with golden files.

`EBPFTRACE_GOLDEN=write python -m pytest tests/unit/views/test_render.py` draws them anew;
look at what changed before committing it.
"""

import io
import os
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.units import MIB
from ebpftrace.views.render import render
from tests.support import watches
from tests.support.watches import job, process, snapshot

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((10, 5), (40, 12), (80, 24), (200, 24))
NOTES: list[Note] = [
    watches.process_note(),
    watches.process_note("exit", exit_code=0, signal=9),
    watches.oom_note(),
    watches.stall_note(),
    watches.loss_note(),
]
GO_LIST = process(4790, 96 * MIB, comm="go", args=("go", "list", "-deps", "./..."))
MONITOR = process(4712, 11 * MIB, args=("gopls", "** telemetry **"), role="telemetry")
FORKED = process(4791, 12 * MIB, state="forked")
NEAR = job(
    "gitlab 88123",
    [process(4711, 1900 * MIB, 35 * MIB), GO_LIST, FORKED, MONITOR],
    kind="gitlab",
    per_second=36 * MIB,
    seconds_to_limit=1.2,
    stalled_ns=120_000_000,
)
STRANGE = job("[bold red]日本語ジョブ[/] :rocket:", [process(comm="[/]\\x1b[2J")], limit=None)
GONE = job("tekton-run-with-a-long-name", oom_kills=1, state="gone", peak=199 * MIB)
IDLE = job("steady", state="idle")

STATES: dict[str, Snapshot] = {
    "empty": snapshot(),
    "one": watches.example(),
    "many": snapshot(
        *(
            job(f"job-{n}", [process(100 * n + i, n * MIB) for i in range(4)], cache=0)
            for n in range(40, 0, -1)
        )
    ),
    "near": snapshot(NEAR, STRANGE, IDLE),
    "killed": snapshot(STRANGE, GONE),
    "lossy": snapshot(NEAR, losses={"ring_buffer_full": 12, "map_full": 2}),
}


def draw(books: Snapshot, width: int, height: int, notes: list[Note] | None = None) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, color_system=None, markup=False)
    console.print(render(books, NOTES if notes is None else notes, width, height))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("state", STATES)
def test_the_table_is_drawn_as_it_was(state: str, width: int, height: int) -> None:
    path = GOLDEN / f"{state}-{width}x{height}.txt"
    drawn = "\n".join(line.rstrip() for line in draw(STATES[state], width, height).splitlines())
    if os.environ.get("EBPFTRACE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn + "\n", encoding="utf-8")
    assert drawn + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("state", STATES)
def test_nothing_wraps_and_nothing_is_too_high_at_any_size(state: str) -> None:
    for width in (*range(1, 40), 60, 79, 80, 100, 131, 200):
        for height in (1, 2, 4, 5, 8, 14, 24, 50):
            lines = draw(STATES[state], width, height).splitlines()
            assert len(lines) <= height, (width, height)
            assert max(map(cell_len, lines)) <= width, (width, height)


def test_names_are_never_read_as_markup() -> None:
    drawn = draw(STATES["near"], 200, 40)
    assert "[bold red]日本語ジョブ[/] :rocket:" in drawn
    assert "[/]\\x1b[2J" in drawn


def test_an_empty_watch_says_what_it_waits_for() -> None:
    assert "waiting for a process with comm gopls…" in draw(STATES["empty"], 80, 24)


def test_signs_do_not_depend_on_colour() -> None:
    drawn = draw(STATES["near"], 80, 24)
    assert "! gitlab 88123" in drawn
    assert "+36 MiB/s" in drawn
    assert "steady" in drawn
    assert "✗ tekton" in draw(STATES["killed"], 80, 24)


def test_jobs_that_ended_are_dimmed_told_apart_and_not_counted() -> None:
    books = snapshot(job("runs", [process()]), GONE, IDLE)
    drawn = draw(books, 80, 24)
    assert drawn.startswith("512 MiB in 1 job, 1 process ")
    assert "  steady · idle " in drawn
    assert " · 1 oom kill · gone" in draw(books, 200, 24)
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard")
    console.print(render(books, (), 80, 24))
    runs, _process, gone, idle = out.getvalue().splitlines()[3:]
    assert "\x1b[2" not in runs.partition("runs")[0]
    assert "\x1b[1;31m✗" in gone  # the sign itself is not dimmed
    for line in (gone, idle):
        name = line.partition("steady" if line is idle else "tekton")[0]
        assert name.rpartition("\x1b[")[2].startswith("1;2m")


def test_where_all_have_ended_it_waits_and_shows_them() -> None:
    drawn = draw(snapshot(GONE), 80, 24)
    assert drawn.startswith("waiting for a process with comm gopls…")
    assert "✗ tekton" in drawn


def test_a_job_in_danger_is_not_hidden_silently() -> None:
    jobs = [job(f"job-{n}", [process(n, 64 * MIB)]) for n in range(20)]
    assert "  … and 15 more" in draw(snapshot(*jobs), 40, 8)
    small = job("small", [process(99, 15 * MIB)], limit=15 * MIB)
    assert "! … and 16 more" in draw(snapshot(*jobs, small), 40, 8)


def test_only_as_many_events_as_there_is_room_for() -> None:
    assert "oom_kill" in draw(STATES["near"], 80, 24)
    assert "12:00:07Z" not in draw(STATES["near"], 80, 13)
    assert "12:00:07Z" not in draw(STATES["near"], 39, 24)


def test_the_crash_monitor_is_not_taken_for_a_second_gopls() -> None:
    for width, name in ((80, "gopls (telemetry)"), (120, "gopls (telemetry) 4712")):
        drawn = draw(STATES["near"], width, 24)
        assert "    gopls 4711 " in drawn
        assert f"    {name} " in drawn
