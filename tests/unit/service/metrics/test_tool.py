"""The tool's own metrics, as prometheus-client writes them."""

from types import MappingProxyType

from prometheus_client.exposition import generate_latest

from ebpftrace.ledger import JobState
from ebpftrace.service.metrics.tool import PageFacts, ToolCollector
from ebpftrace.service.state import FirstActions, Published
from tests.support import watches
from tests.support.published import published

FACTS = PageFacts(20_000, 12, 3, 4, 0.5)


def text(state: Published) -> str:
    return generate_latest(ToolCollector(state, FACTS, {"answered": 5})).decode()


def test_counts_and_causes() -> None:
    state = published(
        watches.job(processes=[watches.process()]),
        watches.job("other", state=JobState.GONE),
        steps=MappingProxyType({("leaks", "signal", "done"): 2}),
        incidents=MappingProxyType({("leaks", "helped"): 1}),
        first_actions=FirstActions().with_one(20_000_000),
        lost_lines=7,
    )
    written = text(state)
    for line in (
        'ebpftrace_jobs{state="running"} 1.0',
        'ebpftrace_jobs{state="gone"} 1.0',
        'ebpftrace_actions_total{action="signal",policy="leaks",status="done"} 2.0',
        'ebpftrace_incidents_total{policy="leaks",result="helped"} 1.0',
        'ebpftrace_first_action_seconds_bucket{le="0.01"} 0.0',
        'ebpftrace_first_action_seconds_bucket{le="0.025"} 1.0',
        'ebpftrace_first_action_seconds_bucket{le="+Inf"} 1.0',
        "ebpftrace_first_action_seconds_count 1.0",
        "ebpftrace_log_lines_lost_total 7.0",
        'ebpftrace_http_connections_total{result="answered"} 5.0',
        "ebpftrace_jobs_left_out 3.0",
        "ebpftrace_processes_left_out 4.0",
        'ebpftrace_check{check="audit"} 1.0',
        "ebpftrace_snapshots_total 7.0",
    ):
        assert f"{line}\n" in written, line


def test_losses_are_by_cause() -> None:
    state = published(snapshot=watches.snapshot(losses={"ring_exit": 3}))
    assert 'ebpftrace_losses_total{cause="ring_exit"} 3.0\n' in text(state)


def test_before_anything_is_attached_there_are_checks_that_fail() -> None:
    written = text(Published())
    assert 'ebpftrace_check{check="programs"} 0.0\n' in written
    assert "ebpftrace_snapshots_total" not in written
