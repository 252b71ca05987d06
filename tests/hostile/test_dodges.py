"""One user's process has something to do at SIGTERM, so that it, or its memory, lives on."""

import signal
from pathlib import Path

import pytest

from ebpftrace.host.proc import read_comm
from tests.support.acting import SECONDS, is_step, of_type
from tests.support.cgroups import memory_cgroup
from tests.support.evaders import begin, calm, evading
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

VICTIM = unique_comm()
CALM_MIB, EVADER_MIB = 40, 300
POLICY = f"""
[[policy]]
name = "end"
match.comm = ["evade-*", "{VICTIM}"]
grace = "0s"
cooldown = "10m"
capture = false
when = [{{ detector = "level", bound = "160MiB", of = "process" }}]
"""
ONE_RESTART = "budget = { restarts = 1 }\n"
IN_ONE_STEP = 'then = [{ action = "signal", grace = "2s" }]\n'
IN_TWO_STEPS = """then = [
    { action = "signal", send = ["TERM"], grace = "2s" },
    { action = "signal", send = ["KILL"] },
]
"""
FORKS = ["dodge-fork", "dodge-forks", "dodge-endless"]
SHARERS = ["dodge-share", "crowd"]
KEEPERS = ["dodge-shared", "dodge-memfd", "dodge-poured"]  # which show nothing of it
OPTIONS = ("--comm", "evade-*", "--comm", VICTIM, "--interval", "200ms")


@pytest.mark.parametrize("ladder", [IN_ONE_STEP, IN_TWO_STEPS], ids=["one step", "two steps"])
def test_process_that_executes_another_program_is_killed(tmp_path: Path, ladder: str) -> None:
    with (
        memory_cgroup() as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        protected_watch(tmp_path, *OPTIONS, policies=POLICY + ladder, scope=[group]) as guard,
        evading(group, "dodge-exec", str(EVADER_MIB)) as evader,
    ):
        watch = guard.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        guard.works()
        step = watch.wait_for(
            lambda it: is_step("signal")(it) and it["status"] != "failed", SECONDS
        )
        assert step["status"] == "done", step["detail"]
        assert evader.wait(SECONDS) == -signal.SIGKILL
        until(lambda: group.pids() == [victim.pid])
        guard.ends()
    assert {one["pid"] for one in of_type(watch, "step") if one["action"] == "signal"} == {
        evader.pid
    }


@pytest.mark.parametrize("attack", FORKS + SHARERS + KEEPERS)
def test_memory_does_not_stay_with_other_processes(tmp_path: Path, attack: str) -> None:
    """All within the one step that the budget counts."""
    with (
        memory_cgroup() as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        protected_watch(
            tmp_path, *OPTIONS, policies=POLICY + ONE_RESTART + IN_ONE_STEP, scope=[group]
        ) as guard,
        evading(group, attack, str(EVADER_MIB)) as evader,
    ):
        watch = guard.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        guard.works()
        step = watch.wait_for(is_step("signal"), SECONDS)
        assert step["status"] == "done", step["detail"]
        assert " ended by TERM after " in step["detail"]
        if attack != "dodge-endless":  # of which each may end before it is seen
            assert step["detail"].endswith(" that kept its memory")
        until(lambda: group.pids() == [victim.pid])
        outcome = watch.wait_for(guard.is_of_attack("outcome"), SECONDS)
        assert outcome["helped"], outcome["sentence"]
        guard.ends()
    assert len(list(filter(is_step("signal"), watch.records))) == 1


def test_copy_made_at_the_signal_of_an_earlier_step_is_ended(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        protected_watch(
            tmp_path, *OPTIONS, policies=POLICY + IN_TWO_STEPS, scope=[group]
        ) as guard,
        evading(group, "dodge-copy", str(EVADER_MIB)) as evader,
    ):
        watch = guard.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        guard.works()
        step = watch.wait_for(
            lambda it: is_step("signal")(it) and it["status"] == "done", SECONDS
        )
        assert step["detail"].endswith(" that kept its memory")
        assert evader.wait(SECONDS) == -signal.SIGKILL
        until(lambda: group.pids() == [victim.pid])
        guard.ends()


def test_program_that_a_process_starts_at_its_end_is_let_live(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        protected_watch(
            tmp_path, *OPTIONS, policies=POLICY + IN_ONE_STEP, scope=[group]
        ) as guard,
        evading(group, "dodge-start", str(EVADER_MIB)) as evader,
    ):
        watch = guard.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        guard.works()
        step = watch.wait_for(is_step("signal"), SECONDS)
        assert (step["status"], "kept" in step["detail"]) == ("done", False)
        watch.wait_for(guard.is_of_attack("outcome"), SECONDS)
        (started,) = group.pids()
        assert read_comm(started) == "sleep"
        guard.ends()
