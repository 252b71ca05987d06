"""A leak under a supervisor that respawns it, and the breaker between them, as users run it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

COMM = "leaky"
RESPAWN = """
while :; do
  { sleep 6; for i in $(seq 0 99); do echo "map 8MiB"; echo "touch $i"; sleep 0.05; done; } |
    "$0" >/dev/null
done
"""


@contextmanager
def respawned(group: MemoryCgroup, script: str = RESPAWN) -> Iterator[None]:
    """A parent that starts its child again whenever that ends; 160 MiB a second at most."""
    program = Workload(COMM)
    mark = session_mark()
    parent = group.run(
        ["sh", "-c", script, program.program],
        env={**os.environ, **mark},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        end_session(parent, mark)


class Watched:
    """`ebpftrace watch` with options, its objects as they come."""

    def __init__(self, *options: str) -> None:
        argv = [sys.executable, "-m", "ebpftrace", "watch", "--comm", COMM, "--output", "jsonl",
                "--interval", "200ms", *options]  # fmt: skip
        self.process = subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.seen: list[dict[str, Any]] = []

    def until(self, kind: str, seconds: float = 60.0) -> dict[str, Any]:
        """The next object of this type."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        for line in self.process.stdout:
            record = json.loads(line)
            self.seen.append(record)
            if record["type"] == kind:
                return dict(record)
            if time.monotonic() > end:
                break
        assert self.process.stderr is not None
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read())
        raise AssertionError(f"no {kind}: {[one['type'] for one in self.seen]}")

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=20)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.seen if one["type"] == kind]


def policy(tmp_path: Path, *lines: str, then: str) -> Path:
    file = tmp_path / "policy.toml"
    text = "\n".join(
        [
            "[[policy]]",
            'name = "leaks"',
            'grace = "0s"',
            *lines,
            'when = [{ detector = "growth", bound = "64MiB", window = "60s" }]',
            f'then = [{{ action = "capture", folder = "{tmp_path}/evidence" }}, {then}]',
        ]
    )
    file.write_text(text + "\n")
    return file


def test_a_leak_is_ended_comes_back_and_is_told(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal", grace = "1s" }')
    audit = tmp_path / "audit.jsonl"
    with memory_cgroup() as group, Watched("--config", str(file), "--audit", str(audit)) as it:
        it.until("start")
        with respawned(group):
            outcome = it.until("outcome")
    steps = [(one["action"], one["status"]) for one in it.of("action")]
    assert steps == [("capture", "done"), ("signal", "done")]
    (finding,) = [one for one in it.of("finding") if one["detector"] == "growth"][:1]
    assert finding["bound"] == 64 << 20
    assert outcome["helped"], outcome
    assert outcome["bytes_won"] > 32 << 20
    assert "its successor" in outcome["sentence"]
    evidence = Path(outcome["evidence"])
    manifest = json.loads((evidence / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert manifest["facts"]["pid"] == outcome["pid"]
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [line["type"] for line in lines if line["incident"] == outcome["incident"]] == [
        "incident", "step_begun", "step", "step_begun", "step", "outcome",
    ]  # fmt: skip


def test_a_hook_of_the_command_line_runs_and_is_kept_to_the_budget(tmp_path: Path) -> None:
    """Three restarts in ten minutes: after that it only says so."""
    hook = f'echo "$EBPFTRACE_PID" >>{tmp_path}/hooked; kill -KILL "$EBPFTRACE_PID"'
    audit = tmp_path / "audit.jsonl"
    file = policy(
        tmp_path,
        'cooldown = "0s"',
        "budget = { restarts = 1 }",
        then="{ action = \"shell\", line = '''" + hook + "'''}",
    )
    quick = RESPAWN.replace("sleep 6", "sleep 4.5")
    options = ("--config", str(file), "--audit", str(audit))
    with memory_cgroup() as group, respawned(group, quick):
        with Watched(*options) as first:
            assert first.until("outcome")["helped"]
        # Another start of ebpftrace: what was spent stays spent.
        with Watched(*options) as second:
            outcome = second.until("outcome")
    assert len((tmp_path / "hooked").read_text().split()) == 1
    assert not outcome["helped"]
    assert "budget spent: 1 restart in 10m00s" in outcome["sentence"]
    skipped = second.of("action")[-1]
    assert (skipped["action"], skipped["status"]) == ("shell", "skipped")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    options = ("--growth", "64MiB/60s", "--on-breach", f"touch {tmp_path}/hooked", "--dry-run")
    with (
        memory_cgroup() as group,
        Watched(*options, "--audit", str(audit)) as it,
        respawned(group, RESPAWN.replace("sleep 6", "sleep 10")),
    ):
        outcome = it.until("outcome")
        pid = outcome["pid"]
        assert Path(f"/proc/{pid}").exists()
    details = [(one["status"], one["detail"]) for one in it.of("action")]
    assert details == [
        ("skipped", "dry run: would capture"),
        ("skipped", "dry run: would shell"),
    ]
    assert "dry run" in outcome["sentence"]
    assert not (tmp_path / "hooked").exists()
