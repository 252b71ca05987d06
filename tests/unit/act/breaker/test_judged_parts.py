"""The parts of a job's processes, compared with what the finding judged."""

from dataclasses import replace

import pytest

from ebpftrace.act.breaker.judged_parts import JudgedParts, judged_parts
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing, UsageSinceSnapshot
from ebpftrace.counters import CgroupContents
from ebpftrace.events import StartCause
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import growth
from tests.support.scripted_ledger import BEGAN_NS, ScriptedLedger, held, key
from tests.support.scripted_watch import NO_SUCH_PID

POLICY = Policy("p", Match(), (growth(),), Mode.ANY, ())
LIMIT = 1024 * MIB


def seen(
    others: list[int], *, seconds: int = 20, gopls: tuple[int, int] = (60, 60), shmem: int = 0
) -> Snapshot:
    """gopls climbs from one size to another, what is not watched holds `others` in turn."""
    book = ScriptedLedger()
    first, last = gopls
    book.start(1, first)
    for second in range(seconds + 1):
        book.at = second
        own = first + (last - first) * second // seconds
        book.read(1, own)
        rest = others[min(second, len(others) - 1)]
        book.cgroup(
            charge_bytes=(own + rest) * MIB,
            limit_bytes=LIMIT,
            headroom_bytes=LIMIT - (own + rest) * MIB,
            contents=CgroupContents(
                anon_bytes=(own + rest - shmem) * MIB, shmem_bytes=shmem * MIB
            ),
        )
        snapshot = book.snapshot()
    return snapshot


def judged(
    snapshot: Snapshot, *, gain: bool, since: UsageSinceSnapshot | None = None
) -> JudgedParts:
    (job,) = snapshot.jobs
    found = watches.finding(
        measures_gain=gain, subject=Subject(job.identity), since_ns=BEGAN_NS + NS_PER_SECOND
    )
    return judged_parts(job, Firing(POLICY, (found,), since), snapshot.monotonic_ns)


@pytest.mark.parametrize(
    ("others", "gopls", "gain", "whole", "part", "reason"),
    [
        ([0, 92], (60, 62), True, 94, 2, "processes that are not watched hold 92 of 154 MiB"),
        (
            [0, 102],
            (60, 60),
            True,
            102,
            0,
            "processes that are not watched hold 102 of 162 MiB",
        ),
        (
            [0, 102],
            (60, 60),
            False,
            162,
            60,
            "processes that are not watched hold 102 of 162 MiB",
        ),
        ([150, 150], (20, 120), True, 100, 100, ""),
        ([50, 50], (20, 120), False, 170, 120, ""),
        ([200, 50], (20, 120), True, 100, 100, ""),  # the others gave back
    ],
    ids=[
        "it took 2 MiB",
        "bystander, gain",
        "bystander, held",
        "old others",
        "most",
        "gave back",
    ],
)
def test_a_part_is_of_what_was_judged(
    others: list[int], gopls: tuple[int, int], gain: bool, whole: int, part: int, reason: str
) -> None:
    found = judged(seen(others, gopls=gopls), gain=gain)
    assert found.gained is gain
    assert found.whole_bytes == whole * MIB
    assert found.parts[key(1)] == part * MIB
    assert found.held_back(part * MIB) == reason


def test_a_file_of_a_tmpfs_is_no_ones_part() -> None:
    found = judged(seen([0, 150], gopls=(24, 24), shmem=150), gain=True)
    assert found.held_back(0) == "tmpfs holds 150 of 174 MiB"


def test_a_longer_gain_is_compared_over_its_time() -> None:
    """gopls gained 100 MiB and rests for a minute, in which the others gain 30."""
    book = ScriptedLedger()
    book.start(1, 20)
    for second in range(160):
        book.at = second
        own, rest = min(120, 20 + 2 * second), max(0, min(30, second - 100))
        book.read(1, own)
        contents = CgroupContents(anon_bytes=(own + rest) * MIB)
        book.cgroup(
            charge_bytes=MIB, limit_bytes=LIMIT, headroom_bytes=LIMIT, contents=contents
        )
        snapshot = book.snapshot()
    found = judged(snapshot, gain=True)
    assert abs(found.parts[key(1)] - 100 * MIB) <= 10 * MIB  # by buckets of five seconds
    assert abs(found.whole_bytes - 130 * MIB) <= 10 * MIB
    assert found.held_back(found.parts[key(1)]) == ""


def forks(copied: tuple[int, ...], others: int = 0) -> Snapshot:
    """A parent of 80 MiB, and children that have copied so many MiB of it."""
    book = ScriptedLedger()
    book.start(1, 80)
    for number, _ in enumerate(copied):
        how = StartCause.FORK
        book.start(NO_SUCH_PID + number, how=how, counters=held(80, inherited=80))
    for second, rest in enumerate((0, others + sum(copied))):
        book.at = second
        anon = (80 + rest) * MIB
        contents = CgroupContents(anon_bytes=anon)
        book.cgroup(charge_bytes=anon, limit_bytes=LIMIT, headroom_bytes=LIMIT - anon,
                    contents=contents)  # fmt: skip
        snapshot = book.snapshot()
    return snapshot


@pytest.mark.parametrize("gain", [True, False], ids=["gained", "held"])
@pytest.mark.parametrize(
    ("copied", "others", "reason"),
    [
        ((80, 80, 80), 0, ""),
        ((80, 0, 0), 0, ""),
        ((20, 20, 20), 300, "processes that are not watched hold 300 of 440 MiB"),
        ((0, 0, 0), 200, "processes that are not watched hold 200 of 280 MiB"),
    ],
    ids=["each copied all", "one did", "others hold more", "none did"],
)
def test_a_fork_has_the_pages_that_it_copied(
    monkeypatch: pytest.MonkeyPatch,
    copied: tuple[int, ...],
    others: int,
    reason: str,
    gain: bool,
) -> None:
    monkeypatch.setattr(
        "ebpftrace.host.proc.read_private_bytes", lambda pid: copied[pid - NO_SUCH_PID] * MIB
    )
    found = judged(forks(copied, others), gain=gain)
    parts = [found.parts[key(NO_SUCH_PID + number)] for number in range(len(copied))]
    assert parts == [mib * MIB for mib in copied]
    assert found.parts[key(1)] == (0 if gain else 80 * MIB)
    assert found.held_back(max(*parts, 80 * MIB)) == reason


def test_what_was_copied_before_is_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child copied 60 MiB long ago, and the job gained 20."""
    monkeypatch.setattr("ebpftrace.host.proc.read_private_bytes", lambda _pid: 60 * MIB)
    book = ScriptedLedger()
    book.start(1, 80)
    book.start(NO_SUCH_PID, how=StartCause.FORK, counters=held(80, inherited=80))
    for second in range(100):
        book.at = second
        anon = (140 + min(20, max(0, second - 70))) * MIB
        contents = CgroupContents(anon_bytes=anon)
        book.cgroup(charge_bytes=anon, limit_bytes=LIMIT, headroom_bytes=LIMIT - anon,
                    contents=contents)  # fmt: skip
        snapshot = book.snapshot()
    (job,) = snapshot.jobs
    since = BEGAN_NS + 60 * NS_PER_SECOND
    finding = watches.finding(subject=Subject(job.identity), since_ns=since)
    found = judged_parts(job, Firing(POLICY, (finding,)), snapshot.monotonic_ns)
    assert found.parts[key(NO_SUCH_PID)] == 20 * MIB


def test_a_fork_that_cannot_be_read_may_have_copied_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ebpftrace.host.proc.read_private_bytes", lambda _pid: None)
    found = judged(forks((80, 80, 80)), gain=True)
    assert found.held_back(0) == (
        "pages copied after a fork or processes that are not watched hold 240 of 320 MiB"
    )


def test_at_a_breach_the_job_as_it_was_read_counts() -> None:
    snapshot = seen([0], gopls=(20, 20))
    (job,) = snapshot.jobs
    (process,) = job.processes
    contents = CgroupContents(anon_bytes=150 * MIB)
    counters = process.counters._replace(usage=replace(process.own, anon_bytes=25 * MIB))
    fresh = replace(
        job,
        processes=(replace(process, counters=counters),),
        usage=counters.usage,
        cgroup=job.cgroup._replace(contents=contents),
    )
    since = UsageSinceSnapshot(process.key, 130 * MIB, 150 * MIB, fresh)
    for gain in (True, False):
        found = judged(snapshot, gain=gain, since=since)
        assert found.parts[process.key] == (5 if gain else 25) * MIB
        assert found.whole_bytes == (130 if gain else 150) * MIB
        assert found.held_back(25 * MIB) == "processes that are not watched hold 125 of 150 MiB"
