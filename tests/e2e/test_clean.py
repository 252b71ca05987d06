"""`signal, clean` as a user writes it: a supervised process is ended, and tidied up after."""

import os
import time
from pathlib import Path

import pytest

from ebpftrace.host.proc import read_comm
from tests.support.acting import SECONDS, is_step, is_type, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.respawn import COMM, respawned

pytestmark = pytest.mark.kernel


def one_but(group: MemoryCgroup, pid: int) -> int:
    """Waits for the supervised process that is not `pid`."""
    deadline = time.monotonic() + SECONDS
    while True:
        for one in group.pids():
            if one != pid and read_comm(one) == COMM:
                return one
        assert time.monotonic() < deadline, group.pids()
        time.sleep(0.01)


def test_what_it_left_behind_goes_and_its_successor_keeps_its_own(tmp_path: Path) -> None:
    """Its supervisor has the same TMPDIR, and stays too."""
    tmp = tmp_path / "jobs/42/tmp"
    tmp.mkdir(parents=True)
    (tmp / "of-the-job").write_text("made before")
    time.sleep(0.05)
    file = policy(
        tmp_path,
        then=f'{{ action = "signal" }}, {{ action = "clean", under = ["{tmp_path}/jobs"] }}',
    )
    with (
        memory_cgroup() as group,
        watching(tmp_path, "--config", str(file)) as watch,
        respawned(group, calm_seconds=4.5, TMPDIR=str(tmp)),
    ):
        first = one_but(group, os.getpid())
        (tmp / "go-build1").mkdir()
        (tmp / "go-build1/pkg.a").write_bytes(b"x" * 10_000)
        watch.wait_for(is_step("signal"), SECONDS)
        one_but(group, first)
        time.sleep(0.05)
        (tmp / "of-the-successor").write_text("made after")
        step = watch.wait_for(is_step("clean"), SECONDS)
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
    assert step["status"] == "done", step["detail"]
    assert step["detail"].startswith("TMPDIR: 1 files, ")
    assert outcome["helped"], outcome["sentence"]
    assert {one.name for one in tmp.iterdir()} == {"of-the-job", "of-the-successor"}
