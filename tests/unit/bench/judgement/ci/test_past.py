"""Which runs are the past of a recording."""

from bench.judgement.ci.past import earlier_runs, held, past_of
from tests.support.ci_recordings import LIMIT, MIB, ci_recording

RUNS = [ci_recording([10, 50, 70 + run], run=run) for run in (1, 2, 3)]
LEAK = ci_recording([10, 60, 99], leaky=True, run=2)
OTHER_LIMIT = ci_recording([10, 50, 70], share=1.4, limit_kib=LIMIT * 11 // 10)
FAR_LIMIT = ci_recording([10, 50, 70], share=2.0, limit_kib=LIMIT * 2)
OTHER_JOB = ci_recording([1, 2, 3], job="other")
ALL = [*RUNS, LEAK, FAR_LIMIT, OTHER_LIMIT, OTHER_JOB]


def test_a_run_is_not_in_its_own_past() -> None:
    assert earlier_runs(RUNS[0], ALL) == [RUNS[1], RUNS[2], OTHER_LIMIT, FAR_LIMIT]


def test_a_leak_has_the_healthy_runs() -> None:
    assert earlier_runs(LEAK, ALL)[:3] == [RUNS[1], RUNS[2], RUNS[0]]


def test_the_past_has_as_many_runs_as_asked_for() -> None:
    earlier = earlier_runs(LEAK, ALL)
    one, three, more = (past_of(LEAK, earlier, most) for most in (1, 3, 5))
    assert one is not None
    assert (one.runs, one.peak_bytes) == (1, 72 * MIB << 10)
    assert three is not None
    assert (three.runs, three.peak_bytes) == (3, 73 * MIB << 10)
    assert more is not None
    assert more.runs == 4  # not the one under twice the limit


def test_without_comparable_runs_there_is_no_past() -> None:
    assert past_of(LEAK, [FAR_LIMIT], 3) is None
    assert past_of(LEAK, [], 1) is None


def test_what_a_run_would_have_held() -> None:
    half = [held(one, 0.5) for one in RUNS]
    past = past_of(LEAK, half, 3)
    assert past is not None
    assert past.peak_bytes == 73 * MIB // 2 << 10
    assert half[0].rows[0].limit == RUNS[0].rows[0].limit
