"""A limit that several jobs share: it is named, and the job that grew is acted on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.disks import sparse_file
from tests.support.kinds import KindsProcess, kinds_process
from tests.support.records import Record, Watch

pytestmark = pytest.mark.kernel

NODE, JOB = 230, 200
NOISE = 8 * MIB


@dataclass(frozen=True)
class Node:
    """A node of 230 MiB with two jobs limited to 200."""

    group: MemoryCgroup
    first: MemoryCgroup
    second: MemoryCgroup
    one: KindsProcess
    other: KindsProcess


@contextmanager
def node(limit: int | None = JOB * MIB) -> Iterator[Node]:
    with (
        memory_cgroup(limit=NODE * MIB) as group,
        memory_cgroup(limit=limit, parent=group) as first,
        memory_cgroup(limit=limit, parent=group) as second,
        kinds_process(first) as one,
        kinds_process(second) as other,
    ):
        yield Node(group, first, second, one, other)


def watching(group: MemoryCgroup, *options: str) -> Watch:
    return Watch("--cgroup", group.name, "--interval", "250ms", *options)


def job_of(snapshot: Record, group: MemoryCgroup) -> Record:
    return next(job for job in snapshot["jobs"] if job["cgroup"] == group.name)


def shared_text(group: MemoryCgroup) -> str:
    return f"the limit of {NODE} MiB of {group.name}, shared with one other job"


def test_a_steady_job_is_spared_and_its_sibling_is_acted_on(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[policy]]\nname = "level"\nmatch.comm = "kinds"\ngrace = "0s"\ncapture = false\n'
        'when = [{ detector = "level", bound = "85%" }]\n'
        'then = [{ action = "signal" }]\n'
    )
    with (
        node() as jobs,
        watching(
            jobs.group, "--config", str(policy), "--audit", str(tmp_path / "audit.jsonl")
        ) as watch,
    ):
        jobs.one.do("anon 135")
        watch.next_snapshot()
        jobs.other.send("anon 55 6")
        found = watch.wait_for(
            lambda one: one["type"] == "finding" and one["detector"].startswith("level"), 30
        )
        assert found["job"]["cgroup"] == jobs.second.name
        assert shared_text(jobs.group) in found["sentence"]
        watch.wait_for(lambda one: one["type"] == "outcome", 60)
        assert jobs.other.wait(20) != 0
        watch.next_snapshot()
        assert jobs.one.is_running
        levels = [one for one in watch.records if one.get("detector", "").startswith("level")]
        assert {one["job"]["cgroup"] for one in levels} == {jobs.second.name}


def test_room_is_of_one_level_and_as_the_kernel_has_it() -> None:
    with node() as jobs, watching(jobs.group) as watch:
        jobs.one.do("anon 120")
        jobs.other.do("anon 60")
        job = job_of(watch.next_snapshot(), jobs.first)
        assert job["limit_bytes"] == JOB * MIB
        assert abs(job["headroom_bytes"] - (JOB * MIB - jobs.first.charge_bytes())) <= NOISE
        shared = job["shared_limit"]
        assert (shared["cgroup"], shared["limit_bytes"]) == (jobs.group.name, NODE * MIB)
        assert shared["other_jobs"] == 1
        assert abs(shared["room_bytes"] - (NODE * MIB - jobs.group.charge_bytes())) <= NOISE


def test_a_kill_at_the_limit_of_the_node_names_it() -> None:
    with node() as jobs, watching(jobs.group) as watch:
        jobs.one.do("anon 120")
        watch.next_snapshot()
        jobs.other.send("anon 150 3")
        kill = watch.wait_for(lambda one: one["type"] == "oom_kill", 30)
        assert (kill["limit_bytes"], kill["limit_cgroup"]) == (NODE * MIB, jobs.group.name)
        found = watch.wait_for(
            lambda one: one["type"] == "finding" and one["detector"] == "oom"
        )
        assert shared_text(jobs.group) in found["sentence"]


def test_a_kill_at_its_own_limit_names_no_other() -> None:
    with node() as jobs, watching(jobs.group) as watch:
        jobs.one.send("anon 250")
        kill = watch.wait_for(lambda one: one["type"] == "oom_kill", 30)
        assert (kill["limit_bytes"], kill["limit_cgroup"]) == (JOB * MIB, "")


def test_the_page_cache_of_a_sibling_is_room(tmp_path: Path) -> None:
    """The charge of the node is at its limit, and nothing is near."""
    with (
        sparse_file(400 * MIB) as file,
        node(limit=None) as jobs,
        watching(
            jobs.group, "--level", "70%", "--audit", str(tmp_path / "audit.jsonl")
        ) as watch,
    ):
        script = f"cat {file} >/dev/null; sleep 60"
        flood = jobs.second.run(["/bin/sh", "-c", script], start_new_session=True)
        try:
            jobs.one.do("anon 60 3")
            watch.wait_for(
                lambda one: (
                    one["type"] == "snapshot"
                    and any(
                        job["shared_limit"] and job["headroom_bytes"] < 30 * MIB
                        for job in one["jobs"]
                    )
                )
            )
            job = job_of(watch.next_snapshot(), jobs.first)
            assert job["shared_limit"]["room_bytes"] > 100 * MIB
            found = [one["sentence"] for one in watch.records if one["type"] == "finding"]
            assert found == []
        finally:
            flood.kill()
            flood.wait()


def test_of_two_nested_ancestors_the_nearest_is_named() -> None:
    with (
        memory_cgroup(limit=500 * MIB) as top,
        memory_cgroup(limit=NODE * MIB, parent=top) as middle,
        memory_cgroup(limit=JOB * MIB, parent=middle) as group,
        memory_cgroup(parent=middle) as beside,
        memory_cgroup(parent=top) as far,
        kinds_process(group) as process,
        kinds_process(beside) as sibling,
        kinds_process(far) as distant,
        watching(top) as watch,
    ):
        process.do("anon 50")
        sibling.do("anon 90")
        distant.do("anon 100")
        shared = job_of(watch.next_snapshot(), group)["shared_limit"]
        assert (shared["cgroup"], shared["other_jobs"]) == (middle.name, 1)
        distant.do("anon 190")
        shared = job_of(watch.next_snapshot(), group)["shared_limit"]
        assert (shared["cgroup"], shared["other_jobs"]) == (top.name, 2)


def test_an_ancestor_with_an_equal_limit_and_nothing_beside_is_not_shared() -> None:
    with (
        memory_cgroup(limit=JOB * MIB) as top,
        memory_cgroup(limit=JOB * MIB, parent=top) as group,
        kinds_process(group) as process,
        watching(top) as watch,
    ):
        process.do("anon 120")
        job = job_of(watch.next_snapshot(), group)
        assert (job["limit_bytes"], job["shared_limit"]) == (JOB * MIB, None)


def fused_node(folder: Path, fuse: str) -> tuple[str, ...]:
    file = folder / "policy.toml"
    file.write_text(
        f'[[policy]]\nname = "fuse"\nmatch.comm = "kinds"\ngrace = "0s"\nfuse = {fuse}\n'
    )
    return ("--config", str(file), "--audit", str(folder / "audit.jsonl"))


def test_a_fuse_stops_the_job_that_brings_the_limit_of_the_node_nearer(tmp_path: Path) -> None:
    """At 140 MiB it takes the node of 230 MiB to 90 %: its sibling holds 70."""
    with node() as jobs, watching(jobs.group, *fused_node(tmp_path, '"90%"')) as watch:
        jobs.one.do("anon 60")
        watch.next_snapshot()
        jobs.other.send("anon 170 8")
        stop = watch.wait_for(lambda one: one["type"] == "fuse", 60)
        assert stop["pid"] == jobs.other.pid
        assert stop["limit_bytes"] == NODE * MIB
        assert f"90% of {shared_text(jobs.group)}" in stop["sentence"]
        assert jobs.other.wait(20) != 0
        jobs.one.do("anon 5")
        assert jobs.group.oom_kills() + jobs.first.oom_kills() + jobs.second.oom_kills() == 0


def test_a_fuse_does_not_stop_a_job_for_what_its_sibling_took(tmp_path: Path) -> None:
    """The sibling takes the node to 96 %, and rests; then the other takes some MiB."""
    with node() as jobs, watching(jobs.first, *fused_node(tmp_path, '"90%"')) as watch:
        jobs.one.do("anon 60")
        watch.next_snapshot()
        jobs.other.do("anon 125 2")
        watch.next_snapshot()
        jobs.one.do("anon 5 1")
        watch.next_snapshot()
        assert [one for one in watch.records if one["type"] == "fuse"] == []


def test_the_backstop_of_a_node_comes_before_the_oom_killer(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[policy]]\nname = "judged"\nmatch.comm = "kinds"\ngrace = "0s"\n'
        'when = [{ detector = "builtin" }]\nthen = [{ action = "signal" }]\n'
    )
    audit = ("--audit", str(tmp_path / "audit.jsonl"))
    with node() as jobs, watching(jobs.group, "--config", str(policy), *audit) as watch:
        jobs.one.do("anon 60")
        watch.next_snapshot()
        jobs.other.send("anon 190 3")
        outcome = watch.wait_for(lambda one: one["type"] == "outcome", 60)
        assert outcome["pid"] == jobs.other.pid
        watch.next_snapshot()
        assert jobs.one.is_running
        assert jobs.group.oom_kills() + jobs.first.oom_kills() + jobs.second.oom_kills() == 0
