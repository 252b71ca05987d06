"""One user causes incidents without end; the watch still acts for another user at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ebpftrace.act.audit.incident_shares import (
    ALL_RUN,
    ALL_STARTED,
    MAX_INCIDENTS,
    MOST_STARTS,
)
from tests.support.acting import SECONDS, logged
from tests.support.build import flood_binary, named, pretend_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import flood, lasting
from tests.support.names import unique_comm
from tests.support.protection import protected_watch
from tests.support.records import Record

pytestmark = pytest.mark.kernel

SPILLER = unique_comm()
CGROUPS = 60
RUNS = 16
MINUTE_NS = 60_000_000_000
POLICY = """
[[policy]]
name = "flood"
match.comm = ["exe", "{comm}"]
grace = "0s"
cooldown = "{cooldown}"
capture = false
when = [{{ detector = "level", bound = "4MiB", of = "process" }}]
{then}
"""
NOTIFIED = 'then = [{ action = "notify" }]'
SIGNALLED = 'then = [{ action = "signal" }]'


def of_attack(folder: Path, kind: str, group: MemoryCgroup) -> list[Record]:
    """The lines of one type about the attacker's cgroups."""
    jobs = ((one, one.get("job") or one["facts"]) for one in logged(folder, kind))
    return [one for one, job in jobs if job["cgroup"].startswith(group.name)]


def says(*reasons: str) -> Callable[[Record], bool]:
    """Is it a remark that the watch does nothing, for one of these reasons?"""
    return lambda record: (
        record["type"] == "remark" and any(reason in record["text"] for reason in reasons)
    )


def test_incidents_in_a_user_s_cgroups_take_no_place_of_another_job_s(tmp_path: Path) -> None:
    """Each waits ten seconds for a successor of its process, which was ended."""
    policies = POLICY.format(comm=SPILLER, cooldown="60s", then=SIGNALLED)
    options = ("--comm", SPILLER, "--interval", "250ms")
    program = named(flood_binary(), SPILLER, tmp_path)
    with (
        memory_cgroup() as flooded,
        protected_watch(tmp_path, *options, policies=policies, scope=[flooded]) as protection,
    ):
        protection.begin()
        with flood(flooded, ["spill", str(flooded.path), str(CGROUPS)], program):
            protection.watch.wait_for(says(ALL_RUN, ALL_STARTED), SECONDS)
            protection.works()
            protection.ends()
        assert len(of_attack(tmp_path, "incident", flooded)) > MAX_INCIDENTS // 2
        assert_few_incidents(tmp_path, flooded)


def pretending(group: MemoryCgroup) -> AbstractContextManager[None]:
    """Processes of one cgroup say they are CI runs, each of another one, without end."""
    return lasting(group, group.inside([pretend_binary(), "spill", str(RUNS)]))


@pytest.mark.parametrize("cooldown", ["0s", "1h"])
def test_invented_runs_have_the_incidents_of_their_cgroup(
    tmp_path: Path, cooldown: str
) -> None:
    policies = POLICY.format(comm=SPILLER, cooldown=cooldown, then=NOTIFIED)
    options = ("--comm", "exe", "--interval", "200ms")
    cooling = "its cgroup is in the cool-down of another CI run"
    # A line a minute says why nothing is done: which reason that is depends on the moment.
    expected = (ALL_RUN, ALL_STARTED, *([cooling] if cooldown == "1h" else []))
    with (
        memory_cgroup() as group,  # of these alone: tests that run at once pretend as well
        protected_watch(tmp_path, *options, policies=policies, scope=[group]) as protection,
    ):
        protection.begin()
        with pretending(group):
            protection.watch.wait_for(says(*expected), SECONDS)
            protection.works()
            protection.ends()
        assert_few_incidents(tmp_path, group)
        if cooldown == "1h":  # those that began before the first one ended
            assert len(of_attack(tmp_path, "incident", group)) <= MAX_INCIDENTS * 3 // 4


def assert_few_incidents(folder: Path, group: MemoryCgroup) -> None:
    """In each minute, and a line or so about those that there are not."""
    began = [one["monotonic_ns"] for one in of_attack(folder, "incident", group)]
    minutes = len({ns // MINUTE_NS for ns in began})
    assert 0 < len(began) <= MOST_STARTS * 3 // 4 * minutes
