"""The metrics of a result, read by the library's own parser."""

from prometheus_client.parser import text_string_to_metric_families

from ebpftrace.run.command import CommandEnd
from ebpftrace.run.metrics import metrics
from ebpftrace.run.result import RunResult

RESULT = RunResult(("true",), CommandEnd(0, 0, 1_500_000_000), peak_bytes=100 << 20)


def test_what_is_known_is_a_metric() -> None:
    families = text_string_to_metric_families(metrics(RESULT))
    values = {family.name: family.samples[0].value for family in families}
    assert values == {
        "ebpftrace_run_peak_bytes": 100 << 20,
        "ebpftrace_run_growth_bytes": 0,
        "ebpftrace_run_oom_kills": 0,
        "ebpftrace_run_findings": 0,
        "ebpftrace_run_restarts": 0,
        "ebpftrace_run_duration_seconds": 1.5,
    }
