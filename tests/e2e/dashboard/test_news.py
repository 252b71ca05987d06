"""Events while the dashboard runs: the first process, its growth, its end, a kill."""

import re
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.dashboard_stage import SUMMARY_ENDS, WATCH, label
from tests.support.names import unique_comm
from tests.support.tmux import NEEDS_TMUX, Tmux
from tests.support.workload import Workload

pytestmark = [pytest.mark.kernel, NEEDS_TMUX]


def test_the_first_process_its_growth_and_its_end_appear() -> None:
    comm = unique_comm()
    with Tmux(10, 5) as tmux:  # the smallest it says anything in
        tmux.run([*WATCH, "--comm", comm, "--interval", "200ms"])
        tmux.expect("waiting f…")
        tmux.resize(100, 30)
        tmux.expect(f"waiting for a process with comm {comm}…")
        with Workload(comm) as workload:
            workload.do("map 64MiB")
            workload.do("touch 0")
            tmux.expect(lambda screen: re.search(rf"{label(workload)} +6[45] MiB", screen))
            workload.do("map 40MiB")
            workload.do("touch 1")
            tmux.expect(lambda screen: re.search(rf"{label(workload)} +10[45] MiB", screen))
        tmux.expect(f"exit {comm}")
        tmux.press("q")
        tmux.expect(SUMMARY_ENDS.search)


def test_a_kill_is_shown_with_its_time_and_hides_no_danger() -> None:
    comm = unique_comm()
    with (
        memory_cgroup(limit=160 << 20) as group,
        Workload(comm, cgroup=group) as keeper,
        Workload(comm, cgroup=group) as victim,
        Tmux(120, 30) as tmux,
    ):
        (Path("/proc") / str(victim.pid) / "oom_score_adj").write_text("1000")
        keeper.do("map 148MiB")
        keeper.do("touch 0")
        tmux.run([*WATCH, "--comm", comm])
        tmux.expect(lambda screen: "! ▾ " in screen and label(victim) in screen)
        victim.do("map 64MiB")
        victim.send("touch 0")  # it does not live to answer
        screen = tmux.expect("!✗▾ ")
        assert re.search(r"!✗ \S+ at \d+%.*, 1 oom kill at \d\d:\d\d:\d\d", screen)
        assert f"({label(keeper)})" in screen
        tmux.press("Enter")
        screen = tmux.expect(" last kill ")
        assert f", {label(victim)}" in screen
