from ebpftrace.ledger import JobState, Node, Snapshot
from ebpftrace.units import GIB
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.header import header
from ebpftrace.views.dashboard.render.spans import plain
from tests.support import dashboards, watches
from tests.support.dashboards import PLAIN, screen

SEVERAL = dashboards.several()
LOSSY = SEVERAL._replace(losses={"map_full": 2})


def lines(shown: Snapshot, width: int = 120, height: int = 24) -> list[str]:
    return [
        plain(line) for line in header(screen(shown), DashboardState(), width, height, PLAIN)
    ]


def test_totals_cost_trouble_and_losses() -> None:
    shown = lines(LOSSY)
    assert shown[0].startswith("4.9 GiB in 5 jobs, 6 processes · comm gopls")
    assert "node 5.0 GiB free of 16 GiB · itself 0.4% CPU, 29 MiB · lag" in shown[1]
    assert shown[2].startswith(
        "! near at 101%, full in 1.5s (gopls 7711)   ▲ acme/search#903 at 88%"
    )
    assert shown[3] == "! 2 missed: map full 2"


def test_a_low_screen_keeps_the_urgent_lines() -> None:
    assert [len(lines(LOSSY, height=height)) for height in (24, 12, 5, 3)] == [4, 3, 2, 1]
    assert lines(LOSSY, height=5)[1].startswith("! near")


def test_what_does_not_fit_is_counted() -> None:
    assert lines(SEVERAL, 60)[2].endswith("and 2 more")


def test_the_header_has_the_node_s_kills_and_the_bpf_time_if_counted() -> None:
    cost = SEVERAL.cost._replace(bpf_run_ns=SEVERAL.elapsed_ns // 100)
    snapshot = SEVERAL._replace(node_oom_kills=2, cost=cost, node=Node(2 * GIB, GIB))
    shown = lines(snapshot)[1]
    assert "node 1.0 GiB free of 2.0 GiB, 2 oom kills" in shown
    assert "BPF 1.0%" in shown
    assert "nothing missed" in shown


def test_jobs_that_ended_are_not_counted() -> None:
    gone = watches.job("gone", state=JobState.GONE, oom_kills=1)
    shown = lines(watches.snapshot(watches.job("runs", [watches.process()]), gone))
    assert shown[0].startswith("512 MiB in 1 job, 1 process ")
    shown = lines(watches.snapshot(gone))
    assert shown[0].startswith("waiting for a process with comm gopls…")
    assert len(shown) == 2  # the time of that kill is unknown
