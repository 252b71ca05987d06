"""The cap of series is shared: no job takes it from the others."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.job_shares import nodes_of
from ebpftrace.service.metrics.shares import Demand, share_out

PATHS = ("/a", "/b", "/b/c", "/b/c/d", "/b/e", "")


def out(jobs: list[tuple[str, int, int]], most: int) -> list[int | None]:
    """Jobs as path, series and processes; each process has ten series."""
    demands = [Demand(nodes_of(path), series, count) for path, series, count in jobs]
    return share_out(demands, process_series=10, most=most)


def test_with_room_for_all_all_are_shown() -> None:
    assert out([("/a", 20, 3), ("/a", 20, 1)], 1000) == [3, 1]


def test_job_with_thousands_of_processes_leaves_the_others_theirs() -> None:
    jobs = [("/a", 20, 100_000), ("/b", 20, 4), ("/c", 20, 4)]
    assert out(jobs, 60 + 200) == [12, 4, 4]


def test_jobs_come_before_processes_and_the_last_are_left_out() -> None:
    assert out([("/a", 20, 1)] * 5, 60) == [0, 0, 0, None, None]


def test_many_jobs_below_one_cgroup_leave_a_quarter_to_those_beside_it() -> None:
    """They come first, as jobs with findings do."""
    hostile = [(f"/user/{n}", 20, 1) for n in range(500)]
    counts = out([*hostile, *[(f"/ci/{n}", 20, 1) for n in range(10)]], 1000)
    assert None not in counts[500:505]
    assert sum(count is not None for count in counts) == 50


def test_jobs_that_are_beside_nothing_have_all() -> None:
    counts = out([(f"/user/{n}", 20, 0) for n in range(500)], 1000)
    assert sum(count is not None for count in counts) == 50


def test_processes_of_many_jobs_below_one_cgroup_have_half_beside_one_job() -> None:
    hostile = [(f"/user/{n}", 1, 5) for n in range(100)]
    assert out([*hostile, ("/ci", 1, 200)], 101 + 1000)[-1] == 50
    invented = [("/user", 1, 5)] * 100
    assert out([*invented, ("/ci", 1, 200)], 101 + 1000)[-1] == 50


@given(
    st.lists(
        st.tuples(st.sampled_from(PATHS), st.integers(1, 40), st.integers(0, 5000)), max_size=40
    ),
    st.integers(0, 3000),
)
def test_the_cap_holds_and_no_room_is_wasted(
    jobs: list[tuple[str, int, int]], most: int
) -> None:
    counts = out(jobs, most)
    used = sum(job[1] for job, count in zip(jobs, counts, strict=True) if count is not None)
    processes = sum(count for count in counts if count is not None)
    there = sum(job[2] for job, count in zip(jobs, counts, strict=True) if count is not None)
    assert used + 10 * processes <= most
    assert processes == there or used + 10 * (processes + 1) > most
    left_out = [job[1] for job, count in zip(jobs, counts, strict=True) if count is None]
    assert not left_out or used + max(left_out) > most
