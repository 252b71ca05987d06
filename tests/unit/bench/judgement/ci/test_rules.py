"""The rules that are compared, on recordings made by hand."""

from collections.abc import Sequence
from dataclasses import replace

from bench.judgement.ci.cost import Calls, Rule, acting
from bench.judgement.ci.rules import after_a_change, leave_one_job_out, level, ours
from tests.support.ci_recordings import ci_recording

QUIET = ci_recording([10, 20, 30, 40, 40, 30])
HIGH = ci_recording([10, 50, 80, 90, 90, 20], job="high")
LEAK = ci_recording([10, 30, 50, 70, 90, 99], leaky=True, job="leak")


def test_a_level_is_called_at_the_first_row_that_has_it() -> None:
    assert level(0.9).judge(HIGH) == Calls(3.0, 3.0)
    assert level(0.95).judge(HIGH) == Calls()


CLIMB = [*range(10, 98, 2), 98, 99, 99]
CLIMBING = ci_recording(CLIMB, leaky=True)
PAST = [ci_recording([min(one, 40) for one in CLIMB], run=run) for run in (1, 2, 3)]


def test_ours_calls_a_leak_earlier_with_a_past() -> None:
    """Alone it is called when the limit is exhausted; its past held half as much."""
    alone, with_past = (ours(PAST, runs).judge(CLIMBING) for runs in (0, 3))
    assert with_past.called is not None
    assert with_past.acted is not None
    assert with_past.called + 15 < with_past.acted
    assert alone.called == alone.acted
    assert alone.acted is None or with_past.acted < alone.acted
    assert all(ours(PAST, 3).judge(one) == Calls() for one in PAST)


def test_a_job_that_has_changed_is_called_and_left_alone() -> None:
    changed = ci_recording([min(one, 80) for one in CLIMB])
    same = [replace(changed, run=run) for run in (2, 3, 4)]
    calls = after_a_change([changed, *same], 0.5).judge(changed)
    assert calls.called is not None
    assert calls.acted is None


def test_a_fuse_is_behind_ours_alone() -> None:
    assert ours([], 0).fuse
    assert not level(0.9).fuse


def named(name: str, jobs: Sequence[str]) -> Rule:
    """A rule that calls these jobs at 1 s."""
    return acting(name, lambda recording: 1.0 if recording.job in jobs else None)


def test_each_job_is_judged_by_what_the_others_chose() -> None:
    """The first rule is the best on QUIET and HIGH; only LEAK itself is for the second."""
    rules = [named("never", []), named("leaks", ["leak", "high"])]
    picked = leave_one_job_out("chosen", rules, [QUIET, HIGH, LEAK])
    assert [int(one.cost) for one in picked.results] == [0, 10, 5]


def test_held_out_jobs_choose_nothing() -> None:
    """If HIGH were asked, LEAK would be judged by the rule that never calls."""
    held_out = ci_recording([10, 50, 80, 90], job="high", held_out=True)
    second = ci_recording([10, 50, 99], leaky=True, job="second")
    rules = [named("never", []), named("all", ["leak", "second", "high"])]
    picked = leave_one_job_out("chosen", rules, [held_out, LEAK, second])
    assert [int(one.cost) for one in picked.results] == [10, 0, 0]
