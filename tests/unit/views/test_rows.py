from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import MIB
from ebpftrace.views.rows import More, choose_rows
from tests.support import watches


def _jobs(*process_counts: int) -> list[JobSnapshot]:
    return [
        watches.job(f"job-{n}", [watches.process(100 * n + i, MIB) for i in range(count)])
        for n, count in enumerate(process_counts)
    ]


def _shape(*process_counts: int, height: int) -> str:
    """J a job, p a process, +n so many more."""
    rows = choose_rows(_jobs(*process_counts), height)
    return " ".join(
        f"+{row.hidden}"
        if isinstance(row, More)
        else "J"
        if isinstance(row, JobSnapshot)
        else "p"
        for row in rows
    )


def test_all_is_shown_where_it_fits() -> None:
    assert _shape(2, 1, height=5) == "J p p J p"


def test_processes_give_way_before_jobs_and_the_largest_jobs_keep_more() -> None:
    assert _shape(5, 5, height=10) == "J p p p +2 J p p p +2"
    assert _shape(5, 5, height=7) == "J p p +3 J p +4"
    assert _shape(5, 5, height=5) == "J p +4 J"
    assert _shape(5, 5, height=2) == "J J"


def test_jobs_left_out_are_counted_with_what_they_hold() -> None:
    rows = choose_rows(_jobs(1, 1, 1, 1), 3)
    assert rows[-1] == More(2, "job", 2 * MIB)


def test_one_more_process_is_shown_rather_than_counted() -> None:
    assert "+1" not in _shape(3, 3, height=7)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(-3, 40))
def test_rows_never_exceed_the_height_and_nothing_is_lost(
    counts: list[int], height: int
) -> None:
    jobs = _jobs(*counts)
    rows = choose_rows(jobs, height)
    assert len(rows) <= max(0, height)
    shown = sum(isinstance(row, JobSnapshot) for row in rows)
    hidden = sum(row.hidden for row in rows if isinstance(row, More) and row.what == "job")
    assert shown + hidden == (len(jobs) if height >= 1 or not jobs else 0)
