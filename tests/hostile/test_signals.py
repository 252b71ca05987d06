"""One user's process changes its cgroup or its name so that no signal would reach it."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.evaders import begin, evading
from tests.support.patience import patient
from tests.support.process_state import until
from tests.support.records import Watch

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
POLICY = """
[[policy]]
name = "end"
grace = "0s"
cooldown = "0s"
capture = false
when = [{ detector = "level", bound = "160MiB", of = "process" }]
then = [{ action = "signal", grace = "300ms" }]
"""


def delegate(group: MemoryCgroup) -> str:
    """Give it to the user; the file by which processes are moved into it."""
    file = group.path / "cgroup.procs"
    for path in (group.path, file):
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    return str(file)


def watching(folder: Path, policy: str, group: MemoryCgroup) -> Watch:
    """Of the evaders of this cgroup alone: tests that run at the same time have others."""
    file = folder / "policy.toml"
    file.write_text(policy)
    return Watch(
        "--comm", "evade-*", "--cgroup", group.name, "--interval", "200ms",
        "--config", str(file), "--audit", str(folder / "audit.jsonl"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attack", "by"),
    [("dodge", signal.SIGKILL), ("hop", signal.SIGKILL), ("rename", signal.SIGTERM)],
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
        files = [delegate(there), delegate(here)]
        with (
            watching(tmp_path, POLICY, group) as watch,
            evading(here, attack, "300", *files) as evader,
        ):
            watch.next_snapshot(SECONDS)
            begin(evader)
            step = watch.wait_for(
                lambda it: it["type"] == "step" and it["pid"] == evader.pid, SECONDS
            )
            assert step["status"] == "done", step["detail"]
            assert evader.wait(SECONDS) == -by
            ended = watch.stop(signal.SIGTERM, patient(30))
    assert (ended.code, ended.stderr) == (0, "")


def test_process_that_hands_its_memory_to_a_child_each_moment_is_not_spared_as_young(
    tmp_path: Path,
) -> None:
    young = POLICY.replace('grace = "0s"', 'grace = "3s"', 1)
    with (
        memory_cgroup() as group,
        watching(tmp_path, young, group) as watch,
        evading(group, "relay", "300") as evader,
    ):
        watch.next_snapshot(SECONDS)
        begin(evader)
        watch.wait_for(lambda it: it["type"] == "step" and it["status"] == "done", SECONDS)
        until(lambda: not group.pids())
        ended = watch.stop(signal.SIGTERM, patient(30))
    assert (ended.code, ended.stderr) == (0, "")
