"""A user's process in a threaded cgroup, of which cgroup.procs says nothing, is acted on."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import MemoryCgroup, memory_cgroup, require_v2
from tests.support.delegation import UNPRIVILEGED
from tests.support.evaders import begin, evading
from tests.support.process_state import until
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

OPTIONS = ("--comm", "evade-*", "--interval", "200ms")
POLICY = """
[[policy]]
name = "end"
match.comm = "evade-*"
grace = "0s"
cooldown = "0s"
capture = false
{condition}
then = [{{ action = "freeze" }}, {{ action = "signal", grace = "300ms" }}]
"""
CONDITIONS = {
    "level of its job": 'when = [{ detector = "level", bound = "160MiB", of = "job" }]',
    "fuse of its job": 'fuse = { bound = "160MiB", of = "job" }',
}


@contextmanager
def threaded_below(group: MemoryCgroup) -> Iterator[MemoryCgroup]:
    """A threaded cgroup that a user makes, two levels below the group that is charged for it.

    What is between them has no memory controller, and it alone lists the processes.
    """
    os.chown(group.path, UNPRIVILEGED, UNPRIVILEGED)
    folder = group.path / "own" / "threaded"
    script = 'mkdir -p "$0" && echo threaded >"$0/cgroup.type"'
    argv = ["sh", "-c", script, str(folder)]
    subprocess.run(argv, check=True, cwd="/", user=UNPRIVILEGED, group=UNPRIVILEGED)
    try:
        yield MemoryCgroup(folder, 2)
    finally:
        until(lambda: not (folder / "cgroup.threads").read_text())
        folder.rmdir()
        folder.parent.rmdir()


@pytest.mark.parametrize("condition", CONDITIONS)
def test_process_in_a_threaded_cgroup_is_ended(tmp_path: Path, condition: str) -> None:
    require_v2()
    policy = POLICY.format(condition=CONDITIONS[condition])
    with (
        memory_cgroup() as group,
        threaded_below(group) as hidden,
        protected_watch(tmp_path, *OPTIONS, policies=policy, scope=[group]) as protection,
        evading(hidden, "plain", "300") as evader,
    ):
        watch = protection.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        protection.works()
        assert evader.wait(SECONDS) in (-signal.SIGTERM, -signal.SIGKILL)
        watch.wait_for(is_step("signal"), SECONDS)
        steps = [(one["action"], one["status"]) for one in protection.of_attack("step")]
        protection.ends()
    assert steps == [("freeze", "done"), ("signal", "done")]
