"""Tables one below the other, where nothing can be redrawn."""

import io

import pytest
from rich.cells import cell_len

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.ledger import Snapshot
from ebpftrace.views.start import Remark
from ebpftrace.views.table import Tables
from tests.support import dashboards, watches

NAMES = watches.snapshot(
    watches.job("[bold red]日本語ジョブ[/] :rocket:", [watches.process(comm="[/]\\x1b[2J")])
)


class Utf8(io.StringIO):
    encoding = "utf-8"


def tables(*snapshots: Snapshot) -> str:
    out = Utf8()
    view = Tables(out)
    for one in snapshots:
        view.snapshot(one)
    return out.getvalue()


def test_each_table_follows_the_last_and_then_the_summary() -> None:
    out = Utf8()
    view = Tables(out)
    view.start(watches.started(remarks=("mapping calls are traced",)))
    view.snapshot(watches.example())
    view.note(watches.oom_note())
    view.snapshot(watches.example())
    view.snapshot(watches.example())
    view.end(watches.example(), "stopped by Ctrl-C")
    view.stop()
    text = out.getvalue()
    assert "\x1b" not in text
    assert text.startswith("mapping calls are traced\n")
    assert text.count("gopls 4711  ") == 3
    assert text.count("oom_kill 12:00:07Z") == 1  # below one table only
    assert text.index("oom_kill") < text.index("stopped by Ctrl-C")


def test_a_stopped_process_is_frozen_until_it_ends_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = Utf8()
    view = Tables(out)
    view.fuse(watches.fuse_event())
    view.snapshot(watches.example())
    assert "❆   gopls 4711" in out.getvalue()
    assert "FROZEN" in out.getvalue()
    out.truncate(0)
    view.fuse(watches.fuse_event(FuseEventKind.ENDED))
    view.snapshot(watches.example())
    assert "FROZEN" not in out.getvalue()
    view.end(watches.example(), "stopped by Ctrl-C")
    assert "fuse     1 stopped (1 ended)\n" in out.getvalue()


def test_every_row_is_there() -> None:
    jobs = [watches.job(f"job-{n}", [watches.process(n)]) for n in range(100)]
    text = tables(watches.snapshot(*jobs))
    assert all(f" job-{n} " in text for n in range(100))


@pytest.mark.parametrize("width", [1, 5, 10, 23, 24, 40, 80, 131, 200])
def test_nothing_wraps_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lossy = dashboards.several()._replace(losses={"map_full": 2})
    # A line of the header, the missed, the trouble, headings; the rows; a blank one.
    rows = sum(1 + len(job.processes) for job in lossy.jobs)
    lines = tables(lossy, NAMES, watches.snapshot()).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) == (4 + 1 + rows + 1) + (2 + 1 + 2 + 1) + (2 + 1)


def test_names_are_never_read_as_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "[bold red]日本語ジョブ[/] :rocket:" in tables(NAMES)
    assert "[/]\\x1b[2J" in tables(NAMES)


def test_a_table_without_processes_shows_what_is_waited_for() -> None:
    assert "waiting for a process with comm gopls…" in tables(watches.snapshot())


def test_signs_do_not_depend_on_colour() -> None:
    text = tables(dashboards.several())
    assert "! ▾ near" in text
    assert " ✗▾ killed" in text
    assert "+30 MiB/s" in text
    assert "steady" in text


def test_where_the_encoding_is_unknown_the_signs_are_ascii() -> None:
    out = io.StringIO()
    Tables(out).snapshot(dashboards.several())
    assert " xv killed" in out.getvalue()
    assert "▇" not in out.getvalue()


def test_remark_is_printed_in_full() -> None:
    stream = Utf8()
    view = Tables(stream)
    view.remark(Remark(0, 0, "this is long " * 12 + "and ends in the remedy"))
    lines = stream.getvalue().splitlines()
    assert len(lines) > 2
    assert "and ends in the remedy" in " ".join(" ".join(lines).split())
