"""One user's process changes its cgroup or its name so that no signal would reach it."""

import signal
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import memory_cgroup
from tests.support.delegation import delegate
from tests.support.evaders import begin, evading
from tests.support.process_state import until
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

POLICY = """
[[policy]]
name = "end"
match.comm = "evade-*"
grace = "0s"
cooldown = "0s"
capture = false
when = [{ detector = "level", bound = "160MiB", of = "process" }]
then = [{ action = "signal", grace = "2s" }]
"""
OPTIONS = ("--comm", "evade-*", "--interval", "200ms")


@pytest.mark.parametrize(
    ("attack", "by"),
    [
        ("dodge", signal.SIGKILL),
        ("hop", signal.SIGKILL),
        ("rename", signal.SIGTERM),
        ("rename-thread", signal.SIGTERM),
    ],
)
def test_process_that_changes_its_cgroup_or_its_name_is_ended(
    tmp_path: Path, attack: str, by: signal.Signals
) -> None:
    with (
        memory_cgroup() as group,
        memory_cgroup(parent=group) as here,
        memory_cgroup(parent=group) as there,
    ):
        delegate(group)
        files = [str(delegate(there)), str(delegate(here))]
        with (
            protected_watch(tmp_path, *OPTIONS, policies=POLICY, scope=[group]) as protection,
            evading(here, attack, "300", *files) as evader,
        ):
            watch = protection.watch
            watch.next_snapshot(SECONDS)
            begin(evader)
            protection.works()
            step = watch.wait_for(
                lambda it: it["type"] == "step" and it["pid"] == evader.pid, SECONDS
            )
            assert step["status"] == "done", step["detail"]
            assert evader.wait(SECONDS) == -by
            protection.ends()


def test_process_that_hands_its_memory_to_a_child_each_moment_is_not_spared_as_young(
    tmp_path: Path,
) -> None:
    young = POLICY.replace('grace = "0s"', 'grace = "3s"', 1)
    with (
        memory_cgroup() as group,
        protected_watch(tmp_path, *OPTIONS, policies=young, scope=[group]) as protection,
        evading(group, "relay", "300") as evader,
    ):
        watch = protection.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        protection.works()
        watch.wait_for(lambda it: it["type"] == "step" and it["status"] == "done", SECONDS)
        until(lambda: not group.pids())
        protection.ends()
