"""One user's processes hand their memory on by forks, each giving back its own copy."""

from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, of_type
from tests.support.cgroups import memory_cgroup
from tests.support.evaders import begin, calm, evading
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.records import Record

pytestmark = pytest.mark.kernel

MIB = 1 << 20
VICTIM = unique_comm()
CALM_MIB, HANDED_MIB, BOUND_MIB = 40, 300, 160  # of which each of five processes takes 60
POLICY = f"""
[[policy]]
name = "end"
match.comm = ["evade-*", "{VICTIM}"]
grace = "0s"
cooldown = "0s"
capture = false
then = [{{ action = "signal", grace = "2s" }}]
"""
OPTIONS = ("--comm", "evade-*", "--comm", VICTIM, "--interval", "200ms")


FUSE = f'fuse = {{ bound = "{BOUND_MIB}MiB", of = '
LEVEL = f'when = [{{ detector = "level", bound = "{BOUND_MIB}MiB", of = '


@pytest.mark.parametrize(
    ("attack", "bound"),
    [
        ("each", FUSE + '"process" }'),
        ("each", FUSE + '"job" }'),
        ("each", LEVEL + '"process" }]'),
        ("last", LEVEL + '"process" }]'),
    ],
    ids=["fuse of process", "fuse of job", "level", "level, given back at the end"],
)
def test_last_of_a_chain_of_forks_is_held_to_the_bound(
    tmp_path: Path, attack: str, bound: str
) -> None:
    with (
        memory_cgroup() as group,
        calm(group, VICTIM, CALM_MIB) as victim,
        protected_watch(
            tmp_path, *OPTIONS, policies=f"{POLICY}{bound}\n", scope=[group]
        ) as protection,
        evading(group, f"chain-{attack}", str(HANDED_MIB)) as evader,
    ):
        watch = protection.watch
        watch.next_snapshot(SECONDS)
        begin(evader)
        protection.works()
        step = watch.wait_for(is_step("signal"), SECONDS)
        # One that is yet to give back its own may be ended first.
        until(lambda: group.charge_bytes() < (CALM_MIB + BOUND_MIB) * MIB)
        protection.ends()
        assert victim.pid in group.pids()
    assert step["status"] == "done", step["detail"]
    assert VICTIM not in {one["comm"] for one in of_type(watch, "step")}


def test_size_of_a_job_has_what_was_handed_on(tmp_path: Path) -> None:
    with (
        memory_cgroup() as group,
        protected_watch(tmp_path, *OPTIONS, scope=[group]) as protection,
        evading(group, "chain-last", str(HANDED_MIB)) as evader,
    ):
        watch = protection.watch
        watch.next_snapshot(SECONDS)
        begin(evader)

        def has_all(record: Record) -> bool:
            processes = [it for job in record.get("jobs", ()) for it in job["processes"]]
            last = max((it["usage"]["anon_bytes"] for it in processes), default=0)
            return len(processes) >= 5 and last >= HANDED_MIB * MIB

        def is_sized(record: Record) -> bool:
            jobs = [job for job in record.get("jobs", ()) if job["cgroup"] == group.name]
            return has_all(record) and jobs[0]["usage"]["anon_bytes"] >= HANDED_MIB * MIB

        protection.works()
        watch.wait_for(is_sized, SECONDS)
        protection.ends()
