"""One user holds memory in ways that no fuse is to see, beside a calm process of the run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, of_type
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegate
from tests.support.evaders import begin, calm, evading
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import Protection, protected_watch
from tests.support.records import Record
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

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
MONITORS_MIB, MONITORS_LIMIT_MIB = 12 * 31, 512  # each may be so large
RESTING_MIB, RESTING_RUNS = 144, 6
REST_NS = 3_000_000_000  # longer than what counts as just gained
CLAIMS = ("claim", "child", "late")
SHARERS = ("share", "orphan", "moved", "idle", "chain", "vfork")
FILLERS = ("call", "mem", "poke", "uffd", "shared", "halted")


def watching(
    folder: Path, policy: str, *groups: MemoryCgroup
) -> AbstractContextManager[Protection]:
    """Of the cgroups of one test alone: those of others have processes of the same names."""
    options = ("--comm", VICTIM, "--comm", "evade-*", "--interval", "200ms")
    policies = POLICY.format(victim=VICTIM) + policy
    return protected_watch(folder, *options, policies=policies, scope=groups)


@contextmanager
def neighbours() -> Iterator[tuple[MemoryCgroup, MemoryCgroup]]:
    """Two cgroups between which the user may move processes.

    On v1 these are to be the user's; on v2 what is above both of them as well.
    """
    with (
        memory_cgroup() as above,
        memory_cgroup(parent=above) as here,
        memory_cgroup(parent=above) as there,
    ):
        for group in (above, here, there):
            delegate(group)
        yield here, there


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
        neighbours() as (group, elsewhere),
        calm(group, VICTIM, CALM_MIB) as victim,
        watching(tmp_path, fuse, group, elsewhere) as protection,
    ):
        watch = protection.watch
        procs = str(elsewhere.path / "cgroup.procs")
        with evading(group, attack, str(EVADER_MIB), procs.rjust(128, "/")) as evader:
            watch.next_snapshot(SECONDS)
            begin(evader)
            protection.works()
            step = watch.wait_for(is_step("signal"), SECONDS)
            until(lambda: group.pids() == [victim.pid] and not elsewhere.pids())
            protection.ends()
    assert step["status"] == "done"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}


def test_monitors_of_invented_runs_are_ended_and_the_calm_process_beside_them_is_not(
    tmp_path: Path,
) -> None:
    """It grows a little once they hold more than the bound, or were stopped there."""
    fuse = 'fuse = { bound = "40%", of = "job" }\n'
    with (
        memory_cgroup(MONITORS_LIMIT_MIB << 20) as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        watching(tmp_path, fuse, group) as protection,
    ):
        watch = protection.watch
        with evading(group, "runs", str(MONITORS_MIB)) as evader:
            watch.next_snapshot(SECONDS)
            begin(evader)
            watch.wait_for(lambda it: is_step("signal")(it) or held_by_runs(it), SECONDS)
            watch.next_snapshot(SECONDS)
            victim.do("map 1MiB")
            victim.send("touch 1")
            step = watch.wait_for(is_step("signal"), SECONDS)
            victim.answer()  # it was resumed, if it was stopped
            protection.works()
            protection.ends()
            assert victim.pid in group.pids()
    assert (step["status"], step["job"]["kind"]) == ("done", "gitlab")
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}


@pytest.mark.parametrize("runs", [1, RESTING_RUNS])
def test_runs_that_fill_a_cgroup_and_rest_are_ended_and_no_calm_one_is(
    tmp_path: Path, runs: int
) -> None:
    """Many of them hold less each than the calm process, which takes what was left."""
    fuse = 'fuse = { bound = "40%", of = "job" }\n'
    with (
        memory_cgroup(MONITORS_LIMIT_MIB << 20) as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        watching(tmp_path, fuse, group) as protection,
        ExitStack() as stack,
    ):
        watch = protection.watch
        resting = [stack.enter_context(resting_run(group, number)) for number in range(runs)]
        for process in resting:
            process.do(f"map {RESTING_MIB // runs}MiB")
            process.do("touch 0")
        full = watch.next_snapshot(SECONDS)
        watch.wait_for(
            lambda it: (
                it["type"] == "snapshot" and it["monotonic_ns"] > full["monotonic_ns"] + REST_NS
            ),
            SECONDS,
        )
        victim.do("map 40MiB")
        victim.send("touch 1")
        step = watch.wait_for(is_step("signal"), SECONDS)
        victim.answer()  # it was resumed
        protection.works()
        protection.ends()
        assert victim.pid in group.pids()
    assert step["status"] == "done"
    stepped = {one["pid"] for one in of_type(watch, "step") if one["action"] == "signal"}
    assert stepped & {process.pid for process in resting}
    assert victim.pid not in stepped


def resting_run(group: MemoryCgroup, number: int) -> Workload:
    """A user's process that says it is a CI run of its own."""
    variables = {"GITLAB_CI": "true", "CI_JOB_ID": str(4000 + number)}
    return Workload("evade-rest", cgroup=group, environment=variables, unprivileged=True)


def held_by_runs(record: Record) -> bool:
    """Whether a snapshot has invented CI runs with all that they are to hold."""
    jobs = (job for job in record.get("jobs", ()) if job["kind"] == "gitlab")
    held: int = sum(job["usage"]["anon_bytes"] for job in jobs)
    return held >= MONITORS_MIB << 20


def test_debugger_does_not_keep_a_killed_process_from_ending(tmp_path: Path) -> None:
    fuse = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = "job" }}\n'
    last = 'then = [{ action = "signal", send = ["KILL"], grace = "15s" }]\n'
    with (
        memory_cgroup() as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        watching(tmp_path, fuse + last, group) as protection,
        evading(group, "linger", str(EVADER_MIB)) as evader,
    ):
        watch = protection.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        protection.works()
        step = watch.wait_for(is_step("signal"), SECONDS)
        until(lambda: group.pids() == [victim.pid])
        protection.ends()
    assert step["status"] == "done"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}


@pytest.mark.parametrize(
    "attack", [*SHARERS, "crowd", "linger", *(f"fill-{how}" for how in FILLERS)]
)
def test_what_keeps_the_memory_of_a_killed_process_ends_with_it(
    tmp_path: Path, attack: str
) -> None:
    fuse = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = "process", action = "kill" }}\n'
    with (
        neighbours() as (group, elsewhere),
        calm(group, VICTIM, CALM_MIB) as victim,
        watching(tmp_path, fuse, group, elsewhere) as protection,
    ):
        watch = protection.watch
        procs = str(elsewhere.path / "cgroup.procs")
        with evading(group, attack, str(EVADER_MIB), procs) as evader:
            watch.next_snapshot(SECONDS)
            begin(evader)
            protection.works()
            killed = watch.wait_for(protection.is_of_attack("fuse"), SECONDS)
            until(lambda: group.pids() == [victim.pid] and not elsewhere.pids())
            protection.ends()
    assert killed["event"] == "killed"
    assert VICTIM not in {one["comm"] for one in of_type(watch, "fuse")}


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
    done = until_resumed_process_ends(tmp_path, attack, bound_mib, resumed)
    fuses = done.of_attack("fuse")
    killed = next(one for one in fuses if one["event"] in ("killed", "ended"))
    if by_kernel is not None:
        assert (killed["event"] == "killed") == by_kernel
    assert (killed["resumed"] >= 5) == (killed["event"] == "killed")
    assert not of_type(done.watch, "oom_kill")


@pytest.mark.parametrize("attack", ["resume", "trace", "wake"])
def test_process_that_helpers_resume_is_only_stopped_again_where_the_policy_says_so(
    tmp_path: Path, attack: str
) -> None:
    """It may reach its limit before the ladder has run: it gains a page at each stop."""
    done = until_resumed_process_ends(tmp_path, attack, NEAR_MIB, 'resumed = "stop"')
    events = [one["event"] for one in done.of_attack("fuse")]
    assert "stopped" in events
    assert "killed" not in events


def until_resumed_process_ends(
    folder: Path, attack: str, bound_mib: int, resumed: str
) -> Protection:
    """A watch of a process that another program resumes at each stop, until it has ended."""
    keys = ", ".join(filter(None, [f'bound = "{bound_mib}MiB"', 'of = "process"', resumed]))
    with (
        memory_cgroup() as group,
        memory_cgroup() as elsewhere,
        watching(folder, f"fuse = {{ {keys} }}\n{SLOW}\n", group, elsewhere) as protection,
    ):
        watch = protection.watch
        group.limit(LIMIT_MIB << 20)
        holds = attack if attack != "wake" else "plain"
        with ExitStack() as attackers:
            evader = attackers.enter_context(evading(group, holds, str(2 * LIMIT_MIB)))
            watch.next_snapshot(SECONDS)
            if attack == "wake":
                begin(attackers.enter_context(evading(elsewhere, "wake", str(evader.pid))))
            begin(evader)
            protection.works()
            until(lambda: not group.pids())
            watch.next_snapshot(SECONDS)
        protection.ends()
    return protection
