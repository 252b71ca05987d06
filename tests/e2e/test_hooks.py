"""Hooks that do all that a hook may do wrong, one after the other, under one watch."""

import os
import signal
import socket
from pathlib import Path

import pytest

from ebpftrace.host import proc
from tests.support.acting import SECONDS, is_step, is_type, logged, of_type, policy, watching
from tests.support.cgroups import memory_cgroup
from tests.support.patience import patient
from tests.support.records import run
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

# Each fails in the end, so that the next one is tried at once.
LADDER = (
    '{{ action = "exec", command = ["/nowhere/hook"] }}',
    '{{ action = "exec", command = ["{folder}/plain"] }}',
    '{{ action = "exec", command = ["{folder}/noformat"] }}',
    '{{ action = "shell", line = "echo no such unit >&2; exit 5" }}',
    '{{ action = "shell", line = "kill -SEGV $$" }}',
    '{{ action = "shell", line = "exec sleep 300", timeout = "500ms" }}',
    '{{ action = "shell", line = "trap : TERM INT HUP; yes", timeout = "500ms" }}',
    '{{ action = "shell", line = "sleep 300 & echo $! >{folder}/away; exit 1" }}',
    '{{ action = "shell", line = "head -c 30000000 /dev/zero; exit 1", output = "1KiB" }}',
    '{{ action = "shell", line = "exec <&- >&- 2>&-; exit 7" }}',
    '{{ action = "notify" }}',
)
EXPECTED = (
    ("failed", "/nowhere/hook: No such file or directory"),
    ("failed", "{folder}/plain: Permission denied"),
    ("failed", "{folder}/noformat: Exec format error"),
    ("failed", "exit code 5: no such unit"),
    ("failed", "ended by SIGSEGV"),
    ("timed_out", "stopped after 500ms"),
    ("timed_out", "stopped after 500ms"),
    ("failed", "exit code 1, a process it started is still running"),
    ("failed", "exit code 1, 29 MiB of its output dropped: "),
    ("failed", "exit code 7"),
)


def test_each_is_survived_and_told_and_the_next_is_tried(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "noformat").write_bytes(b"\x7fELF and nothing else")
    (tmp_path / "noformat").chmod(0o755)
    file = policy(tmp_path, then=", ".join(LADDER).format(folder=tmp_path))
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--config", str(file)) as watch,
        Workload(COMM, cgroup=group) as leaky,
    ):
        try:
            watch.next_snapshot()
            leaky.do("map 100MiB")
            leaky.do("touch 0")
            watch.wait_for(is_step("notify"), SECONDS)
            snapshot = watch.next_snapshot()
            steps = of_type(watch, "step")
            outcome = watch.wait_for(is_type("outcome"), SECONDS)
        finally:
            away = int((tmp_path / "away").read_text())
            stat = proc.read_stat(away)
            os.kill(away, signal.SIGKILL)
        assert leaky.do("map 1MiB")  # no hook touched it, and nothing else did
        assert stat is not None
        assert stat.comm == "sleep"
        ended = watch.stop()
    assert (ended.code, ended.stderr) == (0, "")
    assert snapshot["self"]["rss_bytes"] < 60 << 20
    assert [one["status"] for one in steps if one["action"] == "capture"] == ["done"]
    hooks = [one for one in steps if one["action"] in ("exec", "shell")]
    for step, (status, detail) in zip(hooks, EXPECTED, strict=True):
        assert step["status"] == status, step
        assert step["detail"].startswith(detail.format(folder=tmp_path)), step
    assert not outcome["helped"]
    logged_steps = [line["detail"] for line in logged(tmp_path, "step")]
    assert logged_steps == [step["detail"] for step in steps]
    shown = run("audit", str(tmp_path / "audit.jsonl"))
    assert shown.returncode == 0
    assert shown.stdout.count(": stopped after 500ms") == 2
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_a_webhook_that_never_answers_holds_up_no_signal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it never accepts
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        notify = f'{{ action = "notify", url = "{url}", timeout = "{patient(2):.0f}s" }}'
        file = policy(tmp_path, then=f'{notify}, {{ action = "signal" }}')
        with (
            memory_cgroup() as group,
            watching(tmp_path, "--config", str(file)) as watch,
            Workload(COMM, cgroup=group) as leaky,
        ):
            watch.next_snapshot()
            leaky.do("map 100MiB")
            leaky.send("touch 0")
            watch.wait_for(is_step("notify"), SECONDS)
            steps = [(one["action"], one["status"]) for one in of_type(watch, "step")]
    assert steps == [("capture", "done"), ("signal", "done"), ("notify", "timed_out")]
