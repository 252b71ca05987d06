"""What rests is not judged, and every finding comes as if it was."""

import random

import pytest

from ebpftrace.counters import CgroupContents, CgroupCounters, LimitLevel
from ebpftrace.judge.case import Case
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.limits import with_limits
from ebpftrace.units import MIB
from tests.support.scripted_ledger import ScriptedLedger, identity

JOBS = [identity(name, cgroup_id) for cgroup_id in (7, 8) for name in ("a", "b")]


class AwakeCase(Case):
    """Is judged at each snapshot."""

    def rests(self, _job: JobSnapshot, _process: ProcessSnapshot | None) -> bool:
        return False


def counters(choose: random.Random, cgroup_id: int) -> dict[str, object]:
    charge = choose.choice((50, 300, 580, 598)) * MIB
    anon = charge * choose.choice((1, 5, 9)) // 10
    contents = CgroupContents(
        anon_bytes=anon, cache_bytes=charge - anon, refaults=choose.randrange(0, 90_000, 9_000)
    )
    levels = (
        LimitLevel(cgroup_id, 0, charge, 600 * MIB),
        LimitLevel(99, 1, 2 * charge, 1300 * MIB, contents=contents),
    )
    made = with_limits(
        CgroupCounters(
            charge_bytes=charge, kernel_bytes=0, levels=levels, contents=contents,
            stuck=choose.random() < 0.2, limit_hits=choose.randrange(3),
            oom_kills=choose.randrange(2), stalls=choose.randrange(9),
            stalled_ns=choose.randrange(9) * 10**9,
        )
    )  # fmt: skip
    names = (
        "charge_bytes", "limit_bytes", "headroom_bytes", "levels", "contents", "kernel_bytes",
        "stuck", "limit_hits", "oom_kills", "stalls", "stalled_ns",
    )  # fmt: skip
    return {name: getattr(made, name) for name in names}


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_findings_are_as_if_all_was_judged_each_time(
    monkeypatch: pytest.MonkeyPatch, seed: int, processes: bool
) -> None:
    choose, book = random.Random(seed), ScriptedLedger()
    resting, awake = Judge(processes=processes), Judge(processes=processes)
    reported = 0

    def look() -> None:
        nonlocal reported
        snapshot = book.snapshot()
        news = resting.judge(snapshot)
        with monkeypatch.context() as patched:
            patched.setattr("ebpftrace.judge.judge.Case", AwakeCase)
            assert news == awake.judge(snapshot)
        assert resting.active == awake.active
        for note in book.notes():
            assert resting.judge_note(note) == awake.judge_note(note)
        reported += len(news)

    for pid in range(1, 7):
        book.start(pid, choose.choice((0, 5, 40)), choose.choice(JOBS))
    for _ in range(25):
        pid = choose.randrange(1, 8)
        match choose.randrange(8):
            case 0 | 1:
                book.read(pid, choose.choice((0, 5, 40, 300, 590)))
            case 2:  # a climb
                for step in range(choose.randrange(1, 90)):
                    book.read(pid, 6 * step)
                    book.at += 1
                    look()
            case 3 | 4:
                cgroup_id = choose.choice((7, 8))
                book.cgroup(cgroup_id, **counters(choose, cgroup_id))
            case 5:
                book.start(pid, 10, choose.choice(JOBS))
            case 6:
                book.exit(pid)
            case 7:
                book.oom(pid, choose.choice(JOBS), kernel_count=None)
        for _ in range(choose.choice((1, 5, 20, 140))):
            book.at += 1
            look()
    assert reported


def test_only_a_subject_that_may_change_its_verdict_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book, judge, taken = ScriptedLedger(), Judge(), 0

    def take(case: Case, *args: object, **more: object) -> None:
        nonlocal taken
        taken += 1
        original(case, *args, **more)  # type: ignore[arg-type]

    original = Case.take
    monkeypatch.setattr(Case, "take", take)
    for number in range(20):
        book.start(100 + number, 50, identity(str(number), number))
    for second in range(200):
        if second == 100:
            book.read(100, 60)
        book.at += 1
        judge.judge(book.snapshot())
    assert 60 <= taken <= 20 * 3 + 100  # the one that changed, for the rest of the time
