"""How near a shared limit is, and which of the jobs below it is to blame for that."""

import pytest

from ebpftrace.act.fuse.bounds import compute_bounds
from ebpftrace.act.fuse.job_bound import (
    bound_in,
    is_below_bound,
    is_of_shared_limit,
    nearest_share,
)
from ebpftrace.act.fuse.shared_room import SharedRoom, SharedRooms
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.counters import CgroupContents, LimitLevel, ProcessCounters, Usage
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.units import MIB
from tests.support.scripted_ledger import ScriptedLedger, identity

NODE, JOB = 230, 200
NODE_ID = 99
FUSE = Fuse(0.95, True)
POLICY = Policy("p", Match(), (), Mode.ANY, (), fuse=FUSE)


class Node:
    """Jobs 1, 2, … below a node of 230 MiB, each with a limit of 200, or none."""

    def __init__(self, jobs: int = 2, limit: int | None = JOB) -> None:
        self.book = ScriptedLedger()
        self.rooms = SharedRooms()
        self._limit = limit
        self._jobs = jobs
        for number in range(1, jobs + 1):
            self.book.start(1000 + number, job=identity(f"job{number}", number))

    def at(self, second: float, *held: int, unseen: int = 0) -> "Node":
        """The next snapshot: what each job holds, and a program that is in no job."""
        self.book.at = second
        taken = sum(held) + unseen
        node = CgroupContents(anon_bytes=taken * MIB)
        for number, mib in enumerate(held, 1):
            self.book.read(1000 + number, counters=ProcessCounters(Usage(anon_bytes=mib * MIB)))
            own = LimitLevel(number, 0, mib * MIB, JOB * MIB)
            shared = LimitLevel(
                NODE_ID, 1, taken * MIB, NODE * MIB, path="/node", contents=node
            )
            limit, room = (JOB, JOB - mib) if self._limit else (NODE, NODE - taken)
            self.book.cgroup(
                number,
                charge_bytes=mib * MIB,
                limit_bytes=limit * MIB,
                headroom_bytes=room * MIB,
                contents=CgroupContents(anon_bytes=mib * MIB),
                levels=(own, shared) if self._limit else (shared,),
            )
        self.snapshot: Snapshot = self.book.snapshot()
        self.by_job = self.rooms.observe(self.snapshot)
        return self

    def job(self, number: int) -> JobSnapshot:
        return next(job for job in self.snapshot.jobs if job.identity.cgroup_id == number)

    def room(self, number: int) -> SharedRoom:
        return self.by_job[self.job(number).identity.key]

    def bound_mib(self, number: int) -> float:
        bound = bound_in(FUSE, self.job(number), self.room(number))
        assert bound is not None
        return bound / MIB


def test_the_job_that_grows_has_what_is_left_of_the_node() -> None:
    node = Node().at(0, 100, 20).at(150, 100, 40).at(151, 100, 60)
    assert node.room(2).growing_jobs == 1
    assert node.bound_mib(2) == pytest.approx(60 + 0.95 * NODE - 160, abs=5)  # memory.stat lags
    assert is_of_shared_limit(FUSE, node.job(2), node.room(2))
    assert node.room(2).words == "the limit of 230 MiB of /node, shared with one other job"


def test_a_job_at_rest_is_not_stopped_for_its_sibling() -> None:
    """The node is full. The first job may gain half of what the second gained."""
    node = Node().at(0, 100, 20).at(150, 100, 20).at(160, 100, 120)
    assert node.bound_mib(2) <= 120
    assert node.bound_mib(1) == pytest.approx(150, abs=1)
    assert is_below_bound(FUSE, node.job(1), node.room(1))
    assert not is_below_bound(FUSE, node.job(2), node.room(2))


def test_a_job_at_rest_is_not_stopped_for_a_program_that_is_in_no_job() -> None:
    node = Node(1).at(0, 100, unseen=20).at(150, 100, unseen=20).at(160, 100, unseen=120)
    assert node.bound_mib(1) == pytest.approx(150, abs=1)


def test_after_two_minutes_a_gain_is_forgotten() -> None:
    node = Node().at(0, 100, 20).at(150, 100, 20).at(160, 100, 110).at(320, 100, 110)
    assert node.room(1).blameless_bytes == node.room(2).blameless_bytes == pytest.approx(
        0.01 * NODE * MIB, abs=1
    )  # fmt: skip


def test_two_jobs_that_grow_have_half_of_what_is_left_each() -> None:
    node = Node().at(0, 20, 20).at(150, 20, 20).at(151, 60, 60)
    left = node.room(1).left_bytes(0.95)
    assert node.room(1).part_bytes(0.95) == node.room(2).part_bytes(0.95) == left // 2
    # The one that reaches its half first is below the bound, and runs again.
    assert is_below_bound(FUSE, node.job(1), node.room(1))


def test_its_own_limit_bounds_a_job_where_that_is_nearer() -> None:
    node = Node().at(0, 150, 20).at(150, 150, 20).at(151, 189, 20)
    assert not is_of_shared_limit(FUSE, node.job(1), node.room(1))
    assert node.bound_mib(1) == pytest.approx(0.95 * JOB, abs=5)


def test_a_job_without_a_limit_of_its_own_is_bounded_by_the_node() -> None:
    node = Node(limit=None).at(0, 100, 20).at(150, 100, 20).at(151, 100, 100)
    assert node.bound_mib(2) == pytest.approx(100 + 0.95 * NODE - 200, abs=5)
    assert node.bound_mib(1) >= 140 - 1
    assert nearest_share(node.job(2)) == pytest.approx(200 / NODE, abs=0.03)


def test_bounds_of_all_jobs_and_none_of_a_node_that_is_not_shared() -> None:
    node = Node().at(0, 100, 20).at(150, 100, 20).at(151, 100, 100)
    bounds = compute_bounds([POLICY], node.snapshot, {}, rooms=node.by_job)
    assert bounds.groups[2].held_bytes / MIB == pytest.approx(node.bound_mib(2))
    assert bounds.groups[1].held_bytes > bounds.groups[2].held_bytes
    assert Node(1).at(0, 100).by_job == {}
