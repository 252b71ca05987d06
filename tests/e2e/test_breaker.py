"""A leak under a supervisor that respawns it, and the breaker between them, as users run it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.errors import LogTakenError
from ebpftrace.host import proc
from ebpftrace.units import format_bytes
from tests.support.acting import SECONDS, is_type, logged, of_type, policy, watching
from tests.support.cgroups import memory_cgroup
from tests.support.records import Watch, run
from tests.support.respawn import COMM, respawned
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20


def test_a_leak_is_ended_comes_back_and_is_told(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal", grace = "1s" }')
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--config", str(file)) as watch,
        respawned(group),
    ):
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
    steps = [(one["action"], one["status"]) for one in of_type(watch, "step")]
    assert steps == [("capture", "done"), ("signal", "done")]
    finding = next(one for one in of_type(watch, "finding") if one["detector"] == "growth")
    assert finding["bound"] == 64 * MIB
    assert finding["measured"] >= 64 * MIB
    assert outcome["helped"], outcome
    assert outcome["freed_bytes"] > 32 * MIB
    assert "its successor" in outcome["sentence"]
    manifest = json.loads((Path(outcome["evidence"]) / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert manifest["facts"]["pid"] == outcome["pid"]
    types = [
        line["type"] for line in logged(tmp_path) if line["incident"] == outcome["incident"]
    ]
    assert types == ["incident", "step_started", "step", "step_started", "step", "outcome"]
    shown = run("audit", str(tmp_path / "audit.jsonl"))
    assert shown.returncode == 0
    assert "capture: done" in shown.stdout
    assert f"helped: {format_bytes(outcome['freed_bytes'])} freed in " in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_the_budget_is_kept_over_a_restart_of_ebpftrace(tmp_path: Path) -> None:
    hook = f'echo "$EBPFTRACE_PID" >>{tmp_path}/hooked; kill -KILL "$EBPFTRACE_PID"'
    file = policy(
        tmp_path,
        'cooldown = "0s"',
        "budget = { restarts = 1 }",
        then="{ action = \"shell\", line = '''" + hook + "'''}",
    )
    with memory_cgroup() as group, respawned(group, calm_seconds=4.5):
        with watching(tmp_path, "--config", str(file)) as first:
            assert first.wait_for(is_type("outcome"), SECONDS)["helped"]
        with watching(tmp_path, "--config", str(file)) as second:
            outcome = second.wait_for(is_type("outcome"), SECONDS)
    assert len((tmp_path / "hooked").read_text().split()) == 1
    assert not outcome["helped"]
    assert "budget spent: 1 restart in 10m00s" in outcome["sentence"]
    # Without a cool-down the next incident may have begun when the watch was stopped.
    mine = [one for one in of_type(second, "step") if one["incident"] == outcome["incident"]]
    assert [one["status"] for one in mine if one["action"] == "shell"] == ["skipped"]


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    options = ("--growth", "64MiB/60s", "--on-breach", f"touch {tmp_path}/hooked", "--dry-run")
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        respawned(group),
    ):
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert Path(f"/proc/{outcome['pid']}").exists()
    details = [(one["status"], one["detail"]) for one in of_type(watch, "step")]
    assert details == [
        ("skipped", "dry run: would capture"),
        ("skipped", "dry run: would shell"),
    ]
    assert "dry run" in outcome["sentence"]
    assert not (tmp_path / "hooked").exists()


def test_what_another_process_of_the_job_gains_ends_no_process(tmp_path: Path) -> None:
    """The policy is for the calm one; it is its neighbour that grows."""
    name = f"calm{os.getpid()}"
    file = policy(tmp_path, then='{ action = "signal" }', comm=name)
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--comm", name, "--config", str(file)) as watch,
        Workload(name, cgroup=group) as calm,
        Workload(COMM, cgroup=group) as neighbour,
    ):
        watch.next_snapshot()
        neighbour.do("map 200MiB")
        neighbour.do("touch 0")
        watch.next_snapshot()
        watch.next_snapshot()
        assert calm.do("map 1MiB")
        assert of_type(watch, "step") == []
    (held,) = [line for line in logged(tmp_path) if line["type"] == "suppressed"]
    assert held["reason"].endswith("gained less than a third of the job's growth")


def test_what_a_killed_ebpftrace_froze_resumes_at_its_next_start(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "freeze" }')
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as leaky:
        with watching(tmp_path, "--config", str(file)) as first:
            leaky.do("map 100MiB")
            first.next_snapshot()
            leaky.send("touch 0")
            first.wait_for(
                lambda one: one["type"] == "step" and one["action"] == "freeze", SECONDS
            )
            first.process.kill()
        stat = proc.read_stat(leaky.pid)
        assert stat is not None
        if group.version == 1:
            assert stat.state == "T"
        with watching(tmp_path, "--config", str(file)) as second:
            second.next_snapshot()
            leaky.answer()
            assert leaky.do("map 1MiB")
    (left,) = [line for line in logged(tmp_path) if line["type"] == "abandoned"]
    assert left["restored"]


def test_sighup_takes_new_policies_and_a_bad_file_keeps_the_old(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "notify" }', comm="e2e-none")
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--config", str(file)) as watch,
        Workload(COMM, cgroup=group) as leaky,
    ):
        watch.next_snapshot()
        good = file.read_text()
        file.write_text(good.replace("notify", "notfy"))
        watch.process.send_signal(signal.SIGHUP)
        remark = watch.wait_for(lambda one: "1 policy kept" in one.get("text", ""), SECONDS)
        assert "notfy" in remark["text"]
        file.write_text(good.replace("e2e-none", COMM))
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for(lambda one: one.get("text") == "1 policy reloaded", SECONDS)
        leaky.do("map 100MiB")
        watch.next_snapshot()
        leaky.do("touch 0")
        step = watch.wait_for(
            lambda one: one["type"] == "step" and one["action"] == "notify", SECONDS
        )
        assert "gained" in step["detail"]


def test_two_breakers_do_not_share_a_log(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "notify" }')
    options = ("--config", str(file), "--audit", str(tmp_path / "audit.jsonl"))
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    (tmp_path / "ebpftrace").mkdir()
    (tmp_path / "ebpftrace/policy.toml").write_text(file.read_text())
    with watching(tmp_path, "--config", str(file)):
        second = run("watch", *options, "--duration", "1s")
        looking = Watch("--audit", str(tmp_path / "audit.jsonl"), environment=home)
        with looking:
            remark = looking.wait_for(is_type("remark"), SECONDS)
    assert second.returncode == LogTakenError.exit_code
    assert "another ebpftrace writes the audit log" in second.stderr
    # A watch that was given no policies, but finds some in the usual place, only watches.
    assert "this watch takes no action" in remark["text"]


def test_people_read_it_in_a_pipe(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal" }')
    argv = [*Watch().argv, "--comm", COMM, "--config", str(file), "--interval", "200ms"]
    argv[argv.index("jsonl")] = "plain"
    argv += ["--audit", str(tmp_path / "audit.jsonl")]
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as leaky:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            env=os.environ,
        )  # fmt: skip
        with process:
            lines: list[str] = []
            assert process.stdout is not None
            end = time.monotonic() + SECONDS
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("snapshot") and len(lines) > 4 and leaky.pid:
                    leaky.send("map 100MiB")
                    leaky.send("touch 0")
                    break
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("outcome") or time.monotonic() > end:
                    break
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=20)
    text = "\n".join([*lines, rest])
    assert f"capture for {group.path.name[:20]}" in text
    assert "signal for " in text
    assert max(map(len, text.splitlines())) <= 80
