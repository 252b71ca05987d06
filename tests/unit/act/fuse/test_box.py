"""Who is held and who is let go, in which order; the kernel side and the holder are noted.

That these stop and wake real processes is what tests/kernel and tests/e2e/test_fuse.py see.
"""

import signal
from dataclasses import dataclass, field, replace

import pytest

from ebpftrace.act.fuse.bounds import EXEMPT
from ebpftrace.act.fuse.box import Fusebox
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.errors import GoneError
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import KnownProcess, ProcessSnapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.watches import MONOTONIC_NS, identity, job, process, snapshot

STOP = int(signal.SIGSTOP)
POLICY = Policy("bursts", Match(comms=("gopls",)), (), Mode.ANY, (), fuse=Fuse(GIB, False))
GROUP = identity().cgroup_id


def never(_job: JobIdentity, _policy: Policy) -> str:
    return ""


@dataclass
class Noted:
    """Both ends of a fusebox, and what it asked of them, in order."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    gone: bool = False

    def arm_process(self, key: ProcessKey, own: int, charge: int, number: int) -> None:
        self.calls.append(("arm", key.pid, own, charge, number))

    def arm_group(self, cgroup_id: int, held: int, number: int) -> None:
        self.calls.append(("arm group", cgroup_id, held, number))

    def let_go(self, key: ProcessKey) -> None:
        self.calls.append(("let go", key.pid))

    def clear_stop(self, key: ProcessKey) -> None:
        self.calls.append(("clear stop", key.pid))

    def hold(self, key: ProcessKey) -> str:
        if self.gone:
            raise GoneError("gone")
        self.calls.append(("hold", key.pid))
        return ""

    def release(self, key: ProcessKey) -> None:
        self.calls.append(("release", key.pid))


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def box(noted: Noted) -> Fusebox:
    return Fusebox(noted, noted, unix_ns=lambda ns: ns)


def blown(one: ProcessSnapshot, **changes: object) -> FuseBlown:
    event = FuseBlown(MONOTONIC_NS, one.key, GROUP, FuseScope.JOB, 600 * MIB, GIB, GIB, STOP)
    return replace(event, **changes)  # type: ignore[arg-type]


GOPLS = process(resident=1200 * MIB)
HELD = GOPLS.own.held_bytes
NEXT = (HELD + 2 * GIB) // 2
BOOKS = snapshot(job(processes=[GOPLS], limit=2 * GIB))


def unsettled(box: Fusebox) -> bool:
    return box.unsettled


def stand(box: Fusebox) -> FuseEvent:
    box.stopped(blown(GOPLS))
    (news,) = box.settle([POLICY], BOOKS)
    return news


def test_it_is_held_at_once_and_told_with_the_next_books(box: Fusebox, noted: Noted) -> None:
    box.stopped(blown(GOPLS))
    assert noted.calls == [("hold", GOPLS.pid)]
    assert unsettled(box)
    (news,) = box.settle([POLICY], BOOKS)
    assert not unsettled(box)
    assert (news.kind, news.comm, news.limit_bytes) == (FuseEventKind.STOPPED, "gopls", 2 * GIB)
    assert "stands: its job holds 1 GiB (fuse 1 GiB)" in news.sentence
    assert not list(box.settle([POLICY], BOOKS))


def test_let_go_its_bound_is_raised_before_it_is_woken(box: Fusebox, noted: Noted) -> None:
    stand(box)
    noted.calls.clear()
    (news,) = box.let_go(GOPLS.key, MONOTONIC_NS + 2 * NS_PER_SECOND)
    assert noted.calls == [
        ("arm group", GROUP, NEXT, STOP),
        ("clear stop", GOPLS.pid),  # off the kernel's list
        ("let go", GOPLS.pid),  # by the holder: SIGCONT
    ]
    assert (news.kind, news.stopped_ns) == (FuseEventKind.THAWED, 2 * NS_PER_SECOND)
    assert news.next_bound_bytes == NEXT
    assert not box.standing
    assert not list(box.let_go(GOPLS.key, MONOTONIC_NS))


def test_the_raised_bound_comes_down_with_what_is_held(box: Fusebox, noted: Noted) -> None:
    stand(box)
    list(box.let_go(GOPLS.key, MONOTONIC_NS))
    full = replace(GOPLS, counters=process(resident=1250 * MIB).counters)
    for resident, bound in ((full, NEXT), (process(resident=100 * MIB), GIB)):
        noted.calls.clear()
        box.arm([POLICY], snapshot(job(processes=[resident], limit=2 * GIB)), never)
        assert [call for call in noted.calls if call[0] == "arm group"] == [
            ("arm group", GROUP, bound, STOP)
        ]


def test_where_another_one_is_gone_the_bound_stays(box: Fusebox, noted: Noted) -> None:
    stand(box)
    alone = snapshot(job(processes=[process(resident=100 * MIB)], limit=2 * GIB))
    list(box.settle([POLICY], alone))
    noted.calls.clear()
    (news,) = box.let_go(GOPLS.key, MONOTONIC_NS)
    assert news.next_bound_bytes == GIB
    assert [call[0] for call in noted.calls] == ["clear stop", "let go"]


def test_another_program_is_armed_anew(box: Fusebox, noted: Noted) -> None:
    box.arm([POLICY], BOOKS, never)
    noted.calls.clear()
    box.executed(GOPLS.key)
    box.arm([POLICY], BOOKS, never)
    assert noted.calls == [("arm", GOPLS.pid, 0, 0, STOP)]


def test_one_that_no_policy_means_goes_on_and_is_exempt(box: Fusebox, noted: Noted) -> None:
    box.stopped(blown(GOPLS))
    assert not list(box.settle([], BOOKS))
    assert noted.calls[1:] == [
        ("arm", GOPLS.pid, 0, 0, EXEMPT), ("clear stop", GOPLS.pid), ("let go", GOPLS.pid),
    ]  # fmt: skip


def test_one_that_the_books_never_had_goes_on(box: Fusebox, noted: Noted) -> None:
    box.stopped(blown(GOPLS))
    assert not list(box.settle([POLICY], snapshot()))
    assert unsettled(box)  # it may come with the next
    late = replace(snapshot(), monotonic_ns=MONOTONIC_NS + NS_PER_SECOND)
    assert not list(box.settle([POLICY], late))
    assert not unsettled(box)
    assert noted.calls[-1] == ("let go", GOPLS.pid)


def test_stopped_for_the_sum_of_two_jobs_it_goes_on(box: Fusebox, noted: Noted) -> None:
    other = job("other", [process(2, 900 * MIB)], limit=None)
    mine = process(resident=320 * MIB)
    box.stopped(blown(mine))
    noted.calls.clear()
    books = snapshot(job(processes=[mine], limit=None), other)
    assert not list(box.settle([POLICY], books))
    assert not unsettled(box)
    bound = GIB + mine.own.held_bytes  # the other reaches its own first
    assert noted.calls == [
        ("arm group", GROUP, bound, STOP), ("clear stop", mine.pid), ("let go", mine.pid),
    ]  # fmt: skip


def test_one_that_ends_while_it_stands_is_told(box: Fusebox, noted: Noted) -> None:
    stand(box)
    (news,) = box.ended(GOPLS.key, MONOTONIC_NS + NS_PER_SECOND)
    assert (news.kind, news.stopped_ns) == (FuseEventKind.ENDED, NS_PER_SECOND)
    assert noted.calls[-1] == ("release", GOPLS.pid)
    assert not list(box.ended(GOPLS.key, MONOTONIC_NS))


def test_a_bound_stays_up_while_one_that_ended_is_freed(box: Fusebox, noted: Noted) -> None:
    """The kernel tells of the end before it gives the memory back."""
    share = replace(POLICY, fuse=Fuse(0.9, True))
    large, small = process(1, 1200 * MIB), process(2, 100 * MIB)
    before = snapshot(job(processes=[large, small]))
    list(box.settle([share], before))
    box.arm([share], before, never)
    ((_, _, bound, _),) = [call for call in noted.calls if call[0] == "arm group"]
    list(box.ended(large.key, MONOTONIC_NS))
    left = snapshot(job(processes=[small]))
    charged = replace(left.jobs[0], cgroup=before.jobs[0].cgroup)
    for later, expected in ((1, []), (4, [bound])):
        noted.calls.clear()
        now = MONOTONIC_NS + later * NS_PER_SECOND
        box.arm([share], replace(left, jobs=(charged,), monotonic_ns=now), never)
        lower = [call[2] for call in noted.calls if call[0] == "arm group"]
        assert len(lower) == len(expected)
        assert all(int(str(one)) < int(str(bound)) for one in lower)


def test_one_that_has_ended_is_not_held(box: Fusebox, noted: Noted) -> None:
    noted.gone = True
    assert box.stopped(blown(GOPLS)) == ""
    assert not box.unsettled


def test_at_the_end_no_bound_is_left_and_nobody_stands(box: Fusebox, noted: Noted) -> None:
    box.arm([POLICY], BOOKS, never)
    stand(box)
    noted.calls.clear()
    (news,) = box.let_all_go(MONOTONIC_NS)
    assert news.next_bound_bytes is None
    assert noted.calls == [
        ("arm", GOPLS.pid, 0, 0, EXEMPT),
        ("arm group", GROUP, 0, 0),
        ("clear stop", GOPLS.pid),
        ("let go", GOPLS.pid),
    ]


def test_who_was_killed_is_told(box: Fusebox) -> None:
    event = blown(GOPLS, signal=int(signal.SIGKILL))
    who = KnownProcess(identity(), "gopls", "", 2 * GIB)
    news = box.killed(event, [POLICY], who)
    assert news is not None
    assert news.kind is FuseEventKind.KILLED
    assert "was killed" in news.sentence
    assert box.killed(event, [], who) is None
