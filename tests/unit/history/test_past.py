import pytest

from ebpftrace.history.past import Past, past_from
from ebpftrace.history.run import Run, RunEnd
from ebpftrace.units import MIB
from tests.support.runs import CLIMB, Steps, run

LIMIT = 400 * MIB


def held(past: Past, age_s: float, mib: float, limit: int | None = LIMIT) -> str:
    unusual = past.unusual(age_s, int(mib * MIB), limit)
    return "" if unusual is None else unusual.words


def scaled(factor: float, steps: Steps = CLIMB) -> Steps:
    return [(age, mib * factor) for age, mib in steps]


def test_the_sentence_has_what_is_held_and_what_was_held_before() -> None:
    past = Past([run()] * 5)
    assert held(past, 23, 310) == (
        "holds 310 MiB at 23 s; in its last 5 runs at most 190 MiB until its end"
    )
    assert held(past, 5, 145) == (
        "holds 145 MiB at 5 s; in its last 5 runs at most 100 MiB until 25 s"
    )
    assert held(past, 200, 310).startswith("holds 310 MiB at 3m20s; in its last 5 runs")
    assert held(Past([run()]), 23, 310).partition("; ")[2] == (
        "in its last run at most 190 MiB until its end"
    )


def test_its_own_curve_is_usual_however_steep() -> None:
    past = Past([run()])
    for age, mib in CLIMB:
        assert past.inside(age, int(mib * MIB), LIMIT)


@pytest.mark.parametrize("late", [-6.0, 0.0, 10.0, 100.0])
def test_a_step_may_come_sooner_or_later(late: float) -> None:
    past = Past([run()] * 3)
    for age, mib in CLIMB:
        assert past.inside(max(0.0, age + late), int(mib * MIB), LIMIT)


def test_a_step_that_comes_far_too_soon_is_unusual() -> None:
    past = Past([run([(0, 10), (100, 190)])] * 3)
    assert held(past, 2, 190) == (
        "holds 190 MiB at 2 s; in its last 3 runs at most 10 MiB until 16 s"
    )
    assert held(past, 31, 190) == ""  # 3 x 31 s + 10 s


@pytest.mark.parametrize(("runs", "margin"), [(1, 80), (2, 60), (3, 40), (5, 40), (9, 40)])
def test_the_envelope_narrows_with_each_run(runs: int, margin: int) -> None:
    past = Past([run()] * runs)
    assert past.runs == min(runs, 5)
    assert past.inside(30, (190 + margin) * MIB, LIMIT)
    assert not past.inside(30, (190 + margin) * MIB + 1, LIMIT)


def test_without_a_limit_the_margin_is_a_share_of_the_peak() -> None:
    past = Past([run(limit_bytes=None)])
    assert past.inside(30, 228 * MIB, None)
    assert not past.inside(30, 229 * MIB, None)


def test_the_envelope_is_the_most_of_any_run() -> None:
    past = Past([run(), run(scaled(1.2)), run(scaled(0.9))])
    assert past.peak_bytes == 228 * MIB
    assert past.inside(30, 260 * MIB, LIMIT)


def test_only_the_newest_five_count() -> None:
    past = Past([run()] * 5 + [run(scaled(2))])
    assert past.peak_bytes == 190 * MIB


def test_a_job_whose_age_is_unknown_is_compared_with_whole_runs() -> None:
    runs = [run([(0, 10), (100, 190)])] * 3
    assert not Past(runs).inside(2, 190 * MIB, LIMIT)
    past = Past(runs, ageless=True)
    assert past.inside(2, 190 * MIB, LIMIT)
    assert held(past, 2, 300) == (
        "holds 300 MiB at 2 s; in its last 3 runs at most 190 MiB until its end"
    )


def test_a_past_is_steady_until_a_run_leaves_it() -> None:
    assert Past([run()]).steady
    assert Past([run(), run()]).steady
    changed = run(scaled(1.6))
    assert not Past([changed, run(), run(), run()]).steady
    assert Past([changed, changed, run(), run()]).steady  # it has learned the change
    assert Past([run(), changed, run()]).steady


def test_a_past_needs_clean_runs() -> None:
    with pytest.raises(ValueError, match="clean"):
        Past([])
    with pytest.raises(ValueError, match="clean"):
        Past([run(), run(end=RunEnd.FAILED)])


@pytest.mark.parametrize("end", [end for end in RunEnd if end is not RunEnd.OK])
def test_a_run_that_did_not_end_well_is_no_past(end: RunEnd) -> None:
    leaked = run(scaled(2), end=end)
    assert not leaked.clean
    past = past_from([leaked, run()], LIMIT, "v1 cgroup")
    assert past is not None
    assert (past.runs, past.peak_bytes) == (1, 190 * MIB)
    assert past_from([leaked], LIMIT, "v1 cgroup") is None


def test_a_run_without_a_curve_is_no_past() -> None:
    assert not run(curve=()).clean


@pytest.mark.parametrize(
    ("before", "now", "comparable"),
    [
        (400, 400, True),
        (300, 400, True),
        (500, 400, True),
        (299, 400, False),
        (501, 400, False),
        (None, 400, False),
        (400, None, False),
        (None, None, True),
    ],
)
def test_another_limit_is_another_past(
    before: int | None, now: int | None, comparable: bool
) -> None:
    runs = [run(limit_bytes=before and before * MIB)]
    past = past_from(runs, now and now * MIB, "v1 cgroup")
    assert (past is not None) is comparable


def test_runs_that_counted_otherwise_are_no_past() -> None:
    assert past_from([run(measured="v1 processes comm gopls")], LIMIT, "v1 cgroup") is None


def with_peak(made: Run, mib: float) -> Run:
    return made._replace(peak_bytes=int(mib * MIB))


def test_the_exact_peak_counts_where_a_point_was_rounded() -> None:
    past = Past([with_peak(run(), 190.5)])
    assert held(past, 60, 280).endswith("at most 190 MiB until its end")
    assert past.inside(60, int(190.5 * MIB) + 80 * MIB, LIMIT)


def test_a_slow_climb_from_run_to_run_gains_its_own_forgiveness_only() -> None:
    """Each run ends within the envelope and widens it, for this job and no other."""
    runs = [run()] * 3
    level = 1.0
    for _ in range(20):
        level *= 1.1
        climbed = run(scaled(level))
        past = Past(runs)
        if not past.inside(30, climbed.peak_bytes, LIMIT):
            break
        runs = [climbed, *runs]
    assert climbed.peak_bytes > 350 * MIB  # beyond, it is called
    assert Past([run()] * 3).peak_bytes == 190 * MIB
