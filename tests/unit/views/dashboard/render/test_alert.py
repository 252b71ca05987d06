from dataclasses import replace

import pytest

from ebpftrace.ledger import JobSnapshot
from ebpftrace.views.cells import cells
from ebpftrace.views.dashboard.render.alert import alert
from ebpftrace.views.dashboard.render.spans import plain
from tests.support import dashboards, watches
from tests.support.dashboards import PLAIN, screen

LEAK, NEAR, KILLED = dashboards.leaking_job(), dashboards.near_job(), dashboards.killed_job()


def alert_text(*jobs: JobSnapshot, width: int = 120) -> str:
    return plain(alert(screen(dashboards.snapshot(*jobs)), width, PLAIN))


def test_an_alert_has_share_finding_time_and_process() -> None:
    assert alert_text(LEAK) == (
        "▲ acme/search#903 at 88%, full in 2m10s, leak since 11:57:57 (gopls 4711)"
    )
    assert alert_text(KILLED) == "✗ killed 2 oom kills, last at 12:00:05 (gopls 4711)"
    both = replace(LEAK, identity=KILLED.identity, oom_kills=1)
    assert alert_text(both) == (
        "▲✗ killed at 88%, full in 2m10s, 1 oom kill at 12:00:05 (gopls 4711)"
    )


def test_calm_jobs_have_no_alert() -> None:
    assert alert_text(dashboards.steady_job()) == ""


def test_the_name_is_cut_before_its_figures() -> None:
    long = replace(LEAK, identity=watches.identity("a-job-with-quite-a-long-name"))
    assert alert_text(long, width=40) == "▲ a-job-with-quit… at 88%, full in 2m10s"
    assert alert_text(long, width=20) == "▲ a-job-with… at 88%"


def test_jobs_that_do_not_fit_are_counted_and_the_first_keeps_its_figures() -> None:
    line = alert_text(NEAR, LEAK, KILLED, width=40)
    assert "at 101%" in line
    assert line.endswith("  +2 more")
    assert alert_text(NEAR, LEAK, KILLED, width=60).endswith("   and 2 more")


@pytest.mark.parametrize("width", range(1, 200, 7))
def test_an_alert_fits_any_width(width: int) -> None:
    assert cells(alert_text(NEAR, LEAK, KILLED, width=width)) <= width


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (150, "FROZEN for 12s at 1.8 GiB (gopls 4711), next: capture, shell, then SIGKILL"),
        (90, "FROZEN for 12s at 1.8 GiB, next: capture, shell, then SIGKILL"),
        (70, "FROZEN for 12s at 1.8 GiB (gopls 4711)"),
        (45, "FROZEN for 12s"),
    ],
)
def test_frozen_jobs_come_first_with_the_next_steps_if_there_is_room(
    width: int, expected: str
) -> None:
    line = plain(alert(dashboards.frozen(), width, PLAIN))
    assert line.startswith("❆ acme/sear")
    assert f" {expected} " in line
