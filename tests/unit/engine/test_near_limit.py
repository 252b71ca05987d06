"""A job near its limit is read more often, and acted on before the next tick."""

import itertools
import os
from functools import partial
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.reader import default_step
from ebpftrace.counters import CgroupCounters
from ebpftrace.engine.near_limit import CLOSE_PAUSE_NS, PAUSE_NS
from ebpftrace.events import ProcessKey
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.conditions import condition
from tests.support.scripted_watch import GROUP, ScriptedWatch, fake_key

pytestmark = pytest.mark.usefixtures("run_folder")

LIMIT_MIB = 1000
POLICY = Policy(
    "exhausted", Match(), (condition("builtin"),), Mode.ANY,
    (default_step("notify", ACTIONS),), grace_ns=0,
)  # fmt: skip


def set_cgroup(scripted: ScriptedWatch, held_mib: float, cache_mib: float = 0) -> None:
    """Give it a limit of 1,000 MiB; what is held may be of untracked processes."""
    charge = round((held_mib + cache_mib) * MIB)
    scripted.probe.cgroups[GROUP] = CgroupCounters(
        charge_bytes=charge,
        limit_bytes=LIMIT_MIB * MIB,
        headroom_bytes=LIMIT_MIB * MIB - charge,
        kernel_bytes=0,
    )
    stat = {"total_rss": held_mib, "total_cache": cache_mib}
    lines = [f"{name} {round(mib * MIB)}\n" for name, mib in stat.items()]
    for path in (
        "/ci",
        memory_cgroup(os.getpid()) or "/",
    ):  # a made-up process's, or a real one's
        folder = scripted.folder / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.stat").write_text("".join(lines))


@pytest.fixture
def scripted(tmp_path: Path, sleeper: ProcessKey) -> ScriptedWatch:
    """It watches a process of 900 MiB in a cgroup that holds 960 MiB."""
    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))
    scripted.start(sleeper, 900)
    set_cgroup(scripted, 960, cache_mib=40)
    return scripted


def looks(scripted: ScriptedWatch) -> list[tuple[object, ...]]:
    return [asked for asked in scripted.probe.asked if asked[0] == "read group"]


def test_untracked_growth_to_the_limit_is_acted_on_before_the_tick(
    scripted: ScriptedWatch,
) -> None:
    """The charge does not change: page cache makes room, which no watched page shows."""
    scripted.at(2.5, lambda: set_cgroup(scripted, 995, cache_mib=5))
    view = scripted.run(duration_ns=4 * NS_PER_SECOND)
    (first, *_) = view.times("step")
    assert 2.5 <= first < 2.6
    assert first in view.times("snapshot")


def test_a_job_that_rests_near_its_limit_has_no_further_snapshots(
    scripted: ScriptedWatch,
) -> None:
    view = scripted.run(duration_ns=4 * NS_PER_SECOND)
    assert view.times("snapshot") == [0, 1, 2, 3]
    assert view.times("step") == []
    assert len(looks(scripted)) > 100


def test_a_job_far_from_its_limit_is_not_looked_at(scripted: ScriptedWatch) -> None:
    set_cgroup(scripted, 700, cache_mib=300)
    scripted.run(duration_ns=4 * NS_PER_SECOND)
    assert looks(scripted) == []


def test_a_job_close_to_its_limit_is_looked_at_more_often(tmp_path: Path) -> None:
    found = []
    for number, held in enumerate((920, 960)):
        scripted = ScriptedWatch(tmp_path / str(number), policies=(POLICY,))
        scripted.folder.mkdir()
        scripted.start(fake_key(), 900)
        set_cgroup(scripted, held)
        scripted.run(duration_ns=NS_PER_SECOND)
        found.append(len(looks(scripted)))
    assert found[0] == pytest.approx(NS_PER_SECOND / PAUSE_NS, abs=2)
    assert found[1] == pytest.approx(NS_PER_SECOND / CLOSE_PAUSE_NS, abs=2)


def test_a_watch_without_policies_does_not_look(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path)
    scripted.start(fake_key(), 900)
    set_cgroup(scripted, 960)
    scripted.run(duration_ns=2 * NS_PER_SECOND)
    assert looks(scripted) == []


def test_each_snapshot_needs_further_growth(scripted: ScriptedWatch) -> None:
    """A job that rises and falls at its limit does not make a snapshot of every look."""
    for number in range(100):
        held = 985 if number % 2 else 960
        scripted.at(1.005 + number / 100, partial(set_cgroup, scripted, held))
    view = scripted.run(duration_ns=3 * NS_PER_SECOND)
    between = [time for time in view.times("snapshot") if time not in (0, 1, 2)]
    gaps = [after - before for before, after in itertools.pairwise(between)]
    assert 1 <= len(between) <= 50
    assert min(gaps, default=1) >= 0.02
