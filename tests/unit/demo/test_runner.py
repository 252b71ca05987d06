"""A runner as a process, with a gopls that does not come up."""

import subprocess
import sys
import time
from pathlib import Path


def child_named(pid: int, comm: str) -> bool:
    """Whether the process has a child of this name by now; AssertionError after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in (
            Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        ):
            if Path(f"/proc/{child}/comm").read_text(encoding="utf-8") == f"{comm}\n":
                return True
        time.sleep(0.02)
    raise AssertionError(f"{pid} has no child named {comm}")


def test_gopls_that_does_not_start_is_replaced_and_reported(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    folder = tmp_path / "steady"
    folder.mkdir()
    runner = subprocess.Popen(
        [sys.executable, "-m", "ebpftrace.demo.runner", "steady", folder, broken, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    try:
        assert runner.stdout.readline() == "gopls ended (1); the runner restarts it\n"
        assert runner.stdout.readline() == "gopls did not start; a stand-in replaces it\n"
        assert child_named(runner.pid, "gopls")
    finally:
        runner.kill()
        runner.wait()
        runner.stdout.close()
