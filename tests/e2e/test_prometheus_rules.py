"""deploy/prometheus by promtool, and in a real Prometheus that scrapes a real leak."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup, memory_hierarchy, write
from tests.support.prometheus import Prometheus, program, scraping
from tests.support.serving import Serve
from tests.support.workload import Workload

MIB = 1 << 20
LIMIT = 256 * MIB
MOST_JOBS = 20
NAME = f"ruled{os.getpid()}"[:15]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "ebpftrace.rules.yml"
RUN = {
    "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "17",
    "GITHUB_REPOSITORY": "acme/app", "GITHUB_WORKFLOW": "build", "GITHUB_JOB": "test",
    "GITHUB_SERVER_URL": "https://github.example",
}  # fmt: skip


def promtool(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_promtool_understands_the_rules() -> None:
    code, said = promtool("check", "rules", RULES)
    assert code == 0, said
    assert "SUCCESS" in said


def test_each_alert_fires_and_does_not_in_the_case_beside_it() -> None:
    code, said = promtool("test", "rules", FOLDER / "ebpftrace.rules.test.yml")
    assert code == 0, said


def test_the_tests_of_an_alert_fail_without_it(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "ebpftrace.rules.test.yml", tmp_path)
    text = RULES.read_text(encoding="utf-8")
    for alert in re.findall(r"- alert: (\w+)", text):
        without = text.replace(f"- alert: {alert}\n", "- alert: Other\n")
        (tmp_path / RULES.name).write_text(without, encoding="utf-8")
        code, said = promtool("test", "rules", tmp_path / "ebpftrace.rules.test.yml")
        assert code != 0, said
        assert f"alertname: {alert}" in said


def test_a_node_s_jobs_make_twenty_alerts_at_most(tmp_path: Path) -> None:
    def series(number: int) -> list[dict[str, str]]:
        job = f'job="ebpftrace", instance="n1", job_key="{number}", job_name="j{number}"'
        values = {
            "ebpftrace_job_info": 1,
            "ebpftrace_job_memory_held_bytes": 950 + number,
            "ebpftrace_job_spec_memory_limit_bytes": 1000,
            "ebpftrace_job_memory_limit_eta_seconds": 10,
            "ebpftrace_job_findings": 1,
            "ebpftrace_job_oom_events_total": 1,
        }
        finding = ', severity="critical", detector="leak"'
        return [
            {"series": f"{name}{{{job}{finding if 'findings' in name else ''}}}",
             "values": f"{value}x20"}
            for name, value in values.items()
        ]  # fmt: skip

    alerts = ("JobSoonFull", "JobNearLimit", "JobFinding", "JobOomKill")
    counts = [
        {"expr": f'count(ALERTS{{alertname="Ebpftrace{alert}", alertstate="firing"}})',
         "eval_time": "3m", "exp_samples": [{"labels": "{}", "value": MOST_JOBS}]}
        for alert in alerts
    ]  # fmt: skip
    test = {
        "interval": "15s",
        "input_series": [one for job in range(MOST_JOBS + 5) for one in series(job)],
        "promql_expr_test": counts,
    }
    file = tmp_path / "test.yml"  # JSON is YAML
    file.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}),
        encoding="utf-8",
    )
    code, said = promtool("test", "rules", file)
    assert code == 0, said


def by_detector(prometheus: Prometheus, detector: str) -> dict[str, Any] | None:
    for one in prometheus.firing("EbpftraceJobFinding"):
        if one["labels"]["detector"] == detector:
            return one
    return None


@pytest.mark.kernel
def test_the_alerts_of_a_real_leak_fire_in_a_real_prometheus(tmp_path: Path) -> None:
    """Each `for:` is 0 in this copy of the rules, so that nothing waits for a minute."""
    rules = tmp_path / "rules.yml"
    at_once = re.sub(r"\bfor: \w+", "for: 0s", RULES.read_text(encoding="utf-8"))
    rules.write_text(at_once, encoding="utf-8")
    with (
        memory_cgroup(LIMIT) as group,
        Serve("--comm", NAME, "--no-history", "--audit", str(tmp_path / "audit.jsonl"),
              "--keep-ended", "1h") as served,
        scraping(served.port, tmp_path, rules) as prometheus,
        Workload(NAME, cgroup=group, environment=RUN) as leak,
    ):  # fmt: skip
        served.until(lambda: prometheus.query("instance:ebpftrace_job_processes:sum == 1"))
        assert prometheus.firing("EbpftraceJobNearLimit") == []
        for step in range(60):
            leak.do("map 4MiB")
            leak.do(f"touch {step}")
        (near,) = served.until(lambda: prometheus.firing("EbpftraceJobNearLimit"))
        assert near["labels"]["exported_job"] == "test"
        assert near["labels"]["workflow"] == "build"
        run = "Repository: acme/app. Run: https://github.example/acme/app/actions/runs/17"
        assert near["annotations"]["description"].endswith(run)
        assert near["labels"]["job_name"] in near["annotations"]["summary"]
        assert prometheus.firing("EbpftraceJobFinding") == []  # burst and high are notices
        leak.do("map 64MiB")
        if memory_hierarchy()[1] == 1:  # it hangs at its limit first, which is a finding
            write(group.path / "memory.oom_control", 1)
            leak.send("touch 60")
            finding = served.until(lambda: by_detector(prometheus, "hang"))
            assert finding["labels"]["severity"] == "critical"
            assert finding["annotations"]["description"].endswith(run)
            assert prometheus.firing("EbpftraceJobOomKill") == []
            write(group.path / "memory.oom_control", 0)
        else:
            leak.send("touch 60")
        assert leak.wait() == -signal.SIGKILL
        (kill,) = served.until(lambda: prometheus.firing("EbpftraceJobOomKill"))
        assert kill["labels"]["job_key"] == near["labels"]["job_key"]
        assert kill["annotations"]["description"].endswith(run)
        served.until(lambda: not prometheus.firing("EbpftraceJobNearLimit"))
        for alert in ("AgentDown", "AgentsAbsent", "AgentNotReady", "ActionFailed"):
            assert prometheus.firing(f"Ebpftrace{alert}") == []
        assert prometheus.rule_errors() == []
