"""Tables one below the other, where nothing can be redrawn."""

import io

import pytest

from ebpftrace.views.table import Tables
from tests.support import watches


def test_each_table_follows_the_last_and_then_the_summary() -> None:
    out = io.StringIO()
    view = Tables(out)
    view.start(watches.started(remarks=("mapping calls are traced",)))
    view.snapshot(watches.example())
    view.note(watches.oom_note())
    view.snapshot(watches.example())
    view.end(watches.example(), "stopped by Ctrl-C")
    view.stop()
    told = out.getvalue()
    assert "\x1b" not in told
    assert told.startswith("mapping calls are traced\n")
    assert told.count("gopls 4711  ") == 2
    assert told.count("oom_kill 12:00:07Z") == 1
    assert told.index("oom_kill") < told.index("stopped by Ctrl-C")


def test_every_row_is_there() -> None:
    out = io.StringIO()
    jobs = [watches.job(f"job-{n}", [watches.process(n)]) for n in range(100)]
    Tables(out).snapshot(watches.snapshot(*jobs))
    assert all(f"  job-{n} " in out.getvalue() for n in range(100))


def test_lines_are_as_wide_as_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    Tables(out).snapshot(watches.example())
    assert max(map(len, out.getvalue().splitlines())) <= 40
