"""One user's process has something to do at SIGTERM, so that it, or its memory, lives on."""

import signal
from pathlib import Path

import pytest

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
IN_ONE_STEP = 'then = [{ action = "signal", grace = "2s" }]\n'
IN_TWO_STEPS = """then = [
    { action = "signal", send = ["TERM"], grace = "2s" },
    { action = "signal", send = ["KILL"] },
]
"""
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
