"""One user starts executables without end that take long to search for Go's build info."""

import os
import platform
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.delegation import UNPRIVILEGED, as_user
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.slow_programs import slow_program

pytestmark = pytest.mark.kernel

# A copy is another file, of which nothing is known yet.
LOOP = "n=0; while :; do n=$((n+1)); cp slow $0-$n; timeout 0.2 ./$0-$n; rm $0-$n; done"
LOOPS = 4


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is one of x86-64")
def test_job_is_protected_beside_programs_that_are_slow_to_search(tmp_path: Path) -> None:
    with (
        TemporaryDirectory(prefix="ebpftrace-slow-") as made,
        memory_cgroup() as group,
        protected_watch(tmp_path, "--interval", "250ms", go=True) as protection,
    ):
        folder = Path(made)
        (folder / "slow").write_bytes(slow_program())
        for path in (folder, folder / "slow"):
            path.chmod(0o755)
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        protection.begin()
        attackers = [
            subprocess.Popen(
                group.inside(as_user(["sh", "-c", LOOP, f"loop-{number}"])),
                cwd=folder, start_new_session=True, stderr=subprocess.DEVNULL,
            )
            for number in range(LOOPS)
        ]  # fmt: skip
        try:
            until(lambda: any(runs(pid, folder) for pid in group.pids()))
            protection.verify()
            assert all(attacker.poll() is None for attacker in attackers)
        finally:
            for attacker in attackers:
                os.killpg(attacker.pid, signal.SIGKILL)
            group.remove()
            for attacker in attackers:
                attacker.wait()


def runs(pid: int, folder: Path) -> bool:
    """Whether it is one of the slow programs."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().is_relative_to(folder)
    except OSError:
        return False
