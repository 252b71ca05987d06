"""One user holds memory in ways that no fuse is to see, beside a calm process of the run."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, of_type
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.evaders import begin, evading
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import until
from tests.support.records import Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
VICTIM = unique_comm()
CALM_MIB, EVADER_MIB, BOUND_MIB = 40, 300, 160
POLICY = """
[[policy]]
name = "fuse"
match.comm = ["evade-*", "{victim}"]
grace = "0s"
cooldown = "0s"
capture = false
"""
CLAIMS = ("claim", "child", "late")
SHARERS = ("share", "orphan", "moved", "idle", "chain", "vfork")
FILLERS = ("call", "mem", "poke", "uffd", "shared", "halted")


def watching(folder: Path, policy: str, *groups: MemoryCgroup) -> Watch:
    """Of the cgroups of one test alone: those of others have processes of the same names."""
    file = folder / "policy.toml"
    file.write_text(POLICY.format(victim=VICTIM) + policy)
    scope = [word for group in groups for word in ("--cgroup", group.name)]
    return Watch(
        "--comm", VICTIM, "--comm", "evade-*", *scope, "--interval", "200ms",
        "--config", str(file), "--audit", str(folder / "audit.jsonl"),
    )  # fmt: skip


@contextmanager
def calm(group: MemoryCgroup) -> Iterator[Workload]:
    with Workload(VICTIM, cgroup=group) as victim:
        victim.do(f"map {CALM_MIB}MiB")
        victim.do("touch 0")
        yield victim


def delegated(group: MemoryCgroup) -> Path:
    """The file by which the user may move processes into a cgroup."""
    file = group.path / "cgroup.procs"
    os.chown(file, UNPRIVILEGED, UNPRIVILEGED)
    return file


@pytest.mark.parametrize(
    ("attack", "scope"),
    [*((attack, scope) for attack in ("plain", *CLAIMS, *SHARERS)
       for scope in ("process", "job")),
     *((f"fill-{how}", scope) for how in FILLERS for scope in ("process", "job")),
     ("forks", "job")],
)  # fmt: skip
def test_evader_is_ended_and_the_calm_process_beside_it_is_not(
    tmp_path: Path, attack: str, scope: str
) -> None:
    fuse = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = "{scope}" }}\n'
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        calm(group) as victim,
        watching(tmp_path, fuse, group, elsewhere) as watch,
    ):
        delegated(group)  # a process may leave only what is its user's as well
        procs = str(delegated(elsewhere))
        with evading(group, attack, str(EVADER_MIB), procs.rjust(128, "/")) as evader:
            watch.next_snapshot(SECONDS)
            begin(evader)
            step = watch.wait_for(is_step("signal"), SECONDS)
            until(lambda: group.pids() == [victim.pid] and not elsewhere.pids())
            ended = watch.stop(signal.SIGTERM, patient(30))
    assert step["status"] == "done"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}
    assert (ended.code, ended.stderr) == (0, "")


def test_debugger_does_not_keep_a_killed_process_from_ending(tmp_path: Path) -> None:
    fuse = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = "job" }}\n'
    last = 'then = [{ action = "signal", send = ["KILL"], grace = "15s" }]\n'
    with (
        memory_cgroup() as group,
        calm(group) as victim,
        watching(tmp_path, fuse + last, group) as watch,
        evading(group, "linger", str(EVADER_MIB)) as evader,
    ):
        watch.next_snapshot(SECONDS)
        begin(evader)
        step = watch.wait_for(is_step("signal"), SECONDS)
        until(lambda: group.pids() == [victim.pid])
    assert step["status"] == "done"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}


@pytest.mark.parametrize("attack", [*SHARERS, "linger", *(f"fill-{how}" for how in FILLERS)])
def test_what_keeps_the_memory_of_a_killed_process_ends_with_it(
    tmp_path: Path, attack: str
) -> None:
    fuse = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = "process", action = "kill" }}\n'
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        calm(group) as victim,
        watching(tmp_path, fuse, group, elsewhere) as watch,
    ):
        delegated(group)
        procs = str(delegated(elsewhere))
        with evading(group, attack, str(EVADER_MIB), procs) as evader:
            watch.next_snapshot(SECONDS)
            begin(evader)
            killed = watch.wait_for(is_type("fuse"), SECONDS)
            until(lambda: group.pids() == [victim.pid] and not elsewhere.pids())
            ended = watch.stop(signal.SIGTERM, patient(30))
    assert killed["event"] == "killed"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "fuse")}
    assert (ended.code, ended.stderr) == (0, "")


LIMIT_MIB, LOW_MIB, NEAR_MIB = 400, 100, 320
SLOW = 'then = [{ action = "shell", line = "sleep 3" }, { action = "signal", send = ["KILL"] }]'


@pytest.mark.parametrize("attack", ["resume", "trace", "wake"])
@pytest.mark.parametrize(
    ("bound_mib", "resumed", "by_kernel"),
    [
        (LOW_MIB, 'resumed = "kill"', True),
        (NEAR_MIB, "", True),
        (LOW_MIB, "", None),  # it may come near before the ladder has run
    ],
    ids=["kill", "near the limit", "far from the limit"],
)
def test_process_that_helpers_resume_does_not_reach_its_limit(
    tmp_path: Path, attack: str, bound_mib: int, resumed: str, by_kernel: bool | None
) -> None:
    """While the ladder runs. `wake` is a helper in another cgroup."""
    watch = until_resumed_process_ends(tmp_path, attack, bound_mib, resumed)
    killed = next(one for one in of_type(watch, "fuse") if one["event"] in ("killed", "ended"))
    if by_kernel is not None:
        assert (killed["event"] == "killed") == by_kernel
    assert (killed["resumed"] >= 5) == (killed["event"] == "killed")
    assert not of_type(watch, "oom_kill")


@pytest.mark.parametrize("attack", ["resume", "trace", "wake"])
def test_process_that_helpers_resume_is_only_stopped_again_where_the_policy_says_so(
    tmp_path: Path, attack: str
) -> None:
    """It may reach its limit before the ladder has run: it gains a page at each stop."""
    watch = until_resumed_process_ends(tmp_path, attack, NEAR_MIB, 'resumed = "stop"')
    events = [one["event"] for one in of_type(watch, "fuse")]
    assert "stopped" in events
    assert "killed" not in events


def until_resumed_process_ends(
    folder: Path, attack: str, bound_mib: int, resumed: str
) -> Watch:
    """A watch of a process that another program resumes at each stop, until it has ended."""
    keys = ", ".join(filter(None, [f'bound = "{bound_mib}MiB"', 'of = "process"', resumed]))
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        watching(folder, f"fuse = {{ {keys} }}\n{SLOW}\n", group, elsewhere) as watch,
    ):
        group.limit(LIMIT_MIB << 20)
        holds = attack if attack != "wake" else "plain"
        with ExitStack() as attackers:
            evader = attackers.enter_context(evading(group, holds, str(2 * LIMIT_MIB)))
            watch.next_snapshot(SECONDS)
            if attack == "wake":
                begin(attackers.enter_context(evading(elsewhere, "wake", str(evader.pid))))
            begin(evader)
            until(lambda: not group.pids())
            watch.next_snapshot(SECONDS)
        ended = watch.stop(signal.SIGTERM, patient(30))
    assert (ended.code, ended.stderr) == (0, "")
    return watch
