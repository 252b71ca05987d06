"""`--delays`: refused where the kernel does not account, reported where it does."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import assert_explained, ebpftrace, without_mounts

pytestmark = pytest.mark.kernel

SWITCH = Path("/proc/sys/kernel/task_delayacct")


def test_without_accounting_it_says_so_before_anything_is_loaded() -> None:
    if SWITCH.exists() and SWITCH.read_text(encoding="utf-8").strip() == "1":
        pytest.skip("kernel.task_delayacct is 1 on this machine, and is not changed")
    done = ebpftrace("watch", "--delays", "--once", "--output", "jsonl")
    message = assert_explained(done, 1)
    if SWITCH.exists():
        assert "kernel.task_delayacct is 0" in message
        assert "sysctl kernel.task_delayacct=1" in message
    else:
        assert "this kernel has no kernel.task_delayacct" in message
        assert "run without --delays" in message


def test_each_process_has_its_delays(tmp_path: Path) -> None:
    """The switch is a fake for this one process, the records are the kernel's own."""
    if not SWITCH.exists():
        pytest.skip("this kernel has no kernel.task_delayacct: that is refused, as above")
    switched_on = tmp_path / "task_delayacct"
    switched_on.write_text("1\n")
    before = without_mounts(f"mount --bind {switched_on} {SWITCH}")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        watch = ("watch", "--pid", str(sleeper.pid), "--once", "--output", "jsonl")
        with_delays = ebpftrace(*watch, "--delays", before=before)
        without = ebpftrace(*watch)
        sleeper.kill()
    assert (with_delays.returncode, with_delays.stderr) == (0, "")
    assert list(delays(with_delays.stdout)) == ["swapin_ns", "reclaim_ns", "thrashing_ns"]
    assert delays(without.stdout) is None


def delays(stdout: str) -> Any:
    """Of the one process of the one snapshot."""
    (snapshot,) = (
        record
        for record in map(json.loads, stdout.splitlines())
        if record["type"] == "snapshot"
    )
    (process,) = snapshot["jobs"][0]["processes"]
    return process["delays"]
