"""Memory that another process fills, with a whole watch. The test is the one that writes."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, watching
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.process_state import state, stops, until
from tests.support.records import Record, Watch
from tests.support.workload import PAGE, Workload
from tests.support.writers import WRITERS, Writer, write_by_call

pytestmark = pytest.mark.kernel

MIB = 1 << 20
COMM = unique_comm()
BOUND = 100 * MIB
MORE = 4 * MIB
"""FILLED_MOST in bpf/filled.h: what others may add to a stopped process."""
WAITS = 'then = [{ action = "shell", line = "sleep 1000", timeout = "10m" }]'


def fused(folder: Path, fuse: str, ladder: str = "") -> Watch:
    file = folder / "policy.toml"
    head = ["[[policy]]", 'name = "filled"', f'match.comm = "{COMM}"', "capture = false"]
    file.write_text("\n".join([*head, f"fuse = {{ {fuse} }}", ladder]) + "\n")
    return watching(folder, "--config", str(file), comm=COMM)


def of_event(pid: int, event: str) -> Callable[[Record], bool]:
    return lambda record: (
        record["type"] == "fuse" and (record["event"], record["pid"]) == (event, pid)
    )


def filled(workload: Workload, fill: Writer = write_by_call) -> int:
    """Past its bound by a MiB, unless it ends; returns the address of what follows."""
    address = int(workload.do("map 200MiB")[1], 16)
    with suppress(OSError):
        fill(workload.pid, address, (BOUND + MIB) // PAGE)
    return address + BOUND + MIB


@pytest.mark.parametrize("fill", WRITERS)
@pytest.mark.parametrize("scope", ["process", "job", "charge"])
def test_idle_process_that_is_filled_is_stopped_and_ended(
    tmp_path: Path, scope: str, fill: Writer
) -> None:
    with (
        memory_cgroup() as group,
        fused(tmp_path, f'bound = "100MiB", of = "{scope}"') as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        watch.wait_for(lambda record: is_seen(record, workload.pid), SECONDS)
        filled(workload, fill)
        event = watch.wait_for(of_event(workload.pid, "stopped"), SECONDS)
        assert workload.wait() == -signal.SIGKILL
        assert "another process fills its memory" in event["sentence"]
        ended = watch.stop()
    assert (ended.code, ended.stderr) == (0, "")


def is_seen(record: Record, pid: int) -> bool:
    """Whether it is a snapshot that has the process: its bounds are set by then."""
    jobs = record["jobs"] if record["type"] == "snapshot" else []
    return any(process["pid"] == pid for job in jobs for process in job["processes"])


@pytest.mark.parametrize("scope", ["process", "job", "charge"])
def test_stopped_process_that_is_filled_further_is_killed_while_the_ladder_runs(
    tmp_path: Path, scope: str
) -> None:
    with (
        memory_cgroup() as group,
        fused(tmp_path, f'bound = "100MiB", of = "{scope}", resumed = "kill"', WAITS) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        watch.wait_for(lambda record: is_seen(record, workload.pid), SECONDS)
        after = filled(workload)
        watch.wait_for(of_event(workload.pid, "stopped"), SECONDS)
        assert stops(workload.pid)
        with suppress(OSError):
            write_by_call(workload.pid, after, MORE // PAGE)
        watch.wait_for(of_event(workload.pid, "killed"), SECONDS)
        assert workload.wait() == -signal.SIGKILL
        ended = watch.stop()
    assert (ended.code, ended.stderr) == (0, "")


def test_process_that_is_filled_past_a_bound_that_kills_is_killed(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        fused(tmp_path, 'bound = "100MiB", of = "process", action = "kill"') as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        watch.wait_for(lambda record: is_seen(record, workload.pid), SECONDS)
        filled(workload)
        watch.wait_for(of_event(workload.pid, "killed"), SECONDS)
        assert workload.wait() == -signal.SIGKILL


def test_filled_process_runs_again_after_a_kill_of_the_watch(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        fused(tmp_path, 'bound = "100MiB", of = "process"', WAITS) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        watch.wait_for(lambda record: is_seen(record, workload.pid), SECONDS)
        filled(workload)
        watch.wait_for(of_event(workload.pid, "stopped"), SECONDS)
        assert stops(workload.pid)
        os.kill(watch.pid, signal.SIGKILL)
        until(lambda: state(workload.pid) != "T")
        workload.do("touch 0")
