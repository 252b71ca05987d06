import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.ledger import LossNote
from ebpftrace.views.pipe.backlog import CAUSE, Backlog, is_routine
from tests.support import watches

ROOM = 10 * (100 + 256)
"""For ten records of a hundred bytes."""


def record(number: int) -> bytes:
    return f"{number:099d}\n".encode()


def all_of(backlog: Backlog) -> list[int | LossNote]:
    """What comes out, records by their numbers."""
    out: list[int | LossNote] = []
    while (following := backlog.take()) is not None:
        out.append(following if isinstance(following, LossNote) else int(following))
    return out


def test_records_that_fit_are_taken_in_order() -> None:
    backlog = Backlog(ROOM)
    for number in range(10):
        backlog.add(record(number), routine=number % 3 == 0)
    assert all_of(backlog) == list(range(10))
    assert backlog.take() is None


def test_the_oldest_routine_records_are_dropped_first_and_reported_once() -> None:
    backlog = Backlog(ROOM)
    for total in (4, 8):
        for number in range(14):
            backlog.add(record(number), routine=number not in (1, 9))
        first, note, *rest = all_of(backlog)
        assert [first, *rest] == [1, *range(5, 14)]
        assert isinstance(note, LossNote)
        assert (note.cause, note.count, note.total) == (CAUSE, 4, total)


def test_news_go_only_where_there_is_nothing_else_and_the_oldest_first() -> None:
    backlog = Backlog(ROOM)
    for number in range(10):
        backlog.add(record(number), routine=False)
    backlog.add(record(10), routine=True)
    for number in (11, 12):
        backlog.add(record(number), routine=False)
    first, *rest = all_of(backlog)
    assert first == 2
    (note,) = (item for item in rest if isinstance(item, LossNote))
    assert note.count == 3
    assert [item for item in rest if item is not note] == [*range(3, 10), 11, 12]
    assert rest.index(note) == rest.index(11) - 1


def test_a_record_longer_than_the_limit_is_kept_if_it_is_the_only_one() -> None:
    backlog = Backlog(100)
    backlog.add(record(1), routine=True)
    backlog.add(record(2), routine=True)
    note, kept = all_of(backlog)
    assert isinstance(note, LossNote)
    assert (note.count, kept) == (1, 2)


def test_take_peak_bytes_is_the_peak_since_the_last_call() -> None:
    backlog = Backlog(ROOM)
    assert backlog.take_peak_bytes() == 0
    for number in range(20):
        backlog.add(record(number), routine=True)
    all_of(backlog)
    assert backlog.take_peak_bytes() == ROOM
    assert backlog.take_peak_bytes() == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=80))
def test_each_record_is_either_written_or_counted(steps: list[tuple[bool, int]]) -> None:
    """Records come, and some are taken in between: in order, and none is forgotten."""
    backlog = Backlog(ROOM)
    out: list[bytes | LossNote] = []
    for number, (routine, taken) in enumerate(steps):
        backlog.add(record(number), routine=routine)
        out += [item for _ in range(taken) if (item := backlog.take()) is not None]
    while (item := backlog.take()) is not None:
        out.append(item)
    numbers = [int(item) for item in out if isinstance(item, bytes)]
    notes = [item for item in out if isinstance(item, LossNote)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + sum(note.count for note in notes) == len(steps)
    assert not notes or notes[-1].total == sum(note.count for note in notes)
    times = [note.monotonic_ns for note in notes]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("note", "routine"),
    [
        (watches.process_note(), True),
        (watches.stall_note(), True),
        (watches.pressure_note(), True),
        (watches.oom_note(), False),
        (watches.loss_note(), False),
    ],
)
def test_an_oom_kill_and_a_loss_are_no_routine(note: object, routine: bool) -> None:
    assert is_routine(note) is routine  # type: ignore[arg-type]
