"""Steps, outcomes and remarks in lines of text."""

import io

import pytest

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.views.activity import activity_line, activity_lines
from ebpftrace.views.cells import cells
from ebpftrace.views.table import Tables
from tests.support import watches


def test_a_step() -> None:
    assert activity_lines(watches.step()) == [
        "step     12:00:07Z signal for build-42: done in 19ms: gopls 4711 ended by TERM",
        "         after 18ms",
    ]


def test_a_skipped_step_took_no_time() -> None:
    step = watches.step(status=StepStatus.SKIPPED, detail="budget spent")
    assert (
        activity_line(step) == "step     12:00:07Z signal for build-42: skipped: budget spent"
    )


def test_an_outcome_begins_with_whether_it_helped() -> None:
    assert activity_line(watches.outcome(), 200) == (
        "outcome  12:00:07Z helped in build-42: 1.4 GiB freed in 8.0s: gopls 4711 is gone, "
        "its successor 4802 is steady"
    )
    failed = watches.outcome(helped=False, sentence="GIVEN UP")
    assert activity_line(failed) == "outcome  12:00:07Z NOT helped in build-42: GIVEN UP"


def test_a_fuse_event_begins_with_its_kind() -> None:
    assert activity_line(watches.fuse_event(), 200) == (
        "fuse     12:00:07Z stopped in build-42: gopls 4711 was stopped: its job holds 1.8 GiB "
        "(fuse 1.8 GiB, 90% of the limit of 2 GiB); next: capture, shell, then SIGKILL"
    )
    thawed = watches.fuse_event(FuseEventKind.THAWED, sentence="gopls 4711 was resumed")
    assert (
        activity_line(thawed) == "fuse     12:00:07Z thawed in build-42: gopls 4711 was resumed"
    )


def test_a_remark() -> None:
    assert activity_line(watches.remark()) == "remark   12:00:07Z 2 policies reloaded"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_every_line_fits(width: int) -> None:
    for act in (
        watches.step(detail="x" * 300),
        watches.outcome(),
        watches.fuse_event(),
        watches.remark("y " * 99),
    ):
        assert cells(activity_line(act, width)) <= width
        assert all(cells(line) <= width for line in activity_lines(act, width))


def test_the_table_shows_them_below_and_the_outcomes_again_at_its_end() -> None:
    out = io.StringIO()
    view = Tables(out)
    view.step(watches.step())
    view.outcome(watches.outcome())
    view.fuse(watches.fuse_event())
    view.remark(watches.remark())
    view.snapshot(watches.example())
    shown = out.getvalue()
    assert "signal for build-42: done" in shown
    assert "fuse     12:00:07Z stopped in build-42" in shown
    assert "remark   12:00:07Z" in shown
    assert shown.count("helped in build-42") == 1
    view.end(watches.example(), "q was pressed")
    assert out.getvalue().count("helped in build-42") == 2
