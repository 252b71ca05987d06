"""The cap of series is shared: no job takes it from the others."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.service.metrics.shares import Shares, share_out


def out(jobs: list[int], processes: list[int], most: int) -> Shares:
    return share_out(jobs, processes, process_series=10, most=most)


def test_with_room_for_all_all_are_shown() -> None:
    assert out([20, 20], [3, 1], 1000) == Shares(2, 3)


def test_a_job_with_thousands_leaves_the_others_theirs() -> None:
    shares = out([20, 20, 20], [100_000, 4, 4], 60 + 200)
    assert shares == Shares(3, 12)  # 4 and 4, and 12 of the first


def test_jobs_come_before_processes_and_the_last_are_left_out() -> None:
    assert out([20] * 5, [1] * 5, 60) == Shares(3, 0)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5000)), max_size=40),
    st.integers(0, 3000),
)
def test_the_cap_holds_and_no_room_is_wasted(jobs: list[tuple[int, int]], most: int) -> None:
    series, processes = [one for one, _ in jobs], [count for _, count in jobs]
    shares = out(series, processes, most)
    used = sum(series[: shares.jobs])
    shown = [min(count, shares.processes_each) for count in processes[: shares.jobs]]
    assert used + 10 * sum(shown) <= most
    more = sum(min(c, shares.processes_each + 1) for c in processes[: shares.jobs])
    if sum(shown) < sum(processes[: shares.jobs]):
        assert used + 10 * more > most
