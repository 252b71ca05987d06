"""Series of equal events, and what is too many."""

from ebpftrace.kubernetes.event import SeriesKey
from ebpftrace.kubernetes.series import SERIES_SECONDS, EventSeries


def key(pod: str = "u1", reason: str = "MemoryLeak") -> SeriesKey:
    return SeriesKey(pod, "build", reason, "FindWarning", True)


def at(now: list[float]) -> EventSeries:
    return EventSeries(lambda: now[0])


def test_what_happens_again_joins_the_event_that_is_there() -> None:
    now = [0.0]
    series = at(now)
    assert not series.join(key(), 1)
    series.created(key(), "/e", 1)
    now[0] = 5.0
    assert series.join(key(), 2)
    assert series.join(key(), 3)
    assert not series.join(key(reason="MemoryOom"), 3)
    assert series.due() == []
    assert series.next_due() == 5.0
    now[0] = 10.0
    ((_, due),) = series.due()
    assert (due.path, due.count, due.last_ns) == ("/e", 3, 3)
    series.patched(due, 3)
    assert series.due() == []
    assert series.next_due() is None


def test_a_count_that_the_api_did_not_take_is_due_again() -> None:
    now = [0.0]
    series = at(now)
    series.created(key(), "/e", 1)
    series.join(key(), 2)
    now[0] = 10.0
    ((_, due),) = series.due()
    series.postponed(due)
    assert series.due() == []
    assert series.next_due() == 10.0
    now[0] = 20.0
    assert [it.count for _, it in series.due()] == [2]


def test_counts_beyond_the_bound_for_all_pods_wait_until_it_has_room() -> None:
    now = [0.0]
    series = at(now)
    for number in range(60):
        series.created(key(f"u{number}"), "/e", 1)
        series.join(key(f"u{number}"), 2)
    now[0] = 10.0
    due = series.due()
    assert len(due) == 50
    for _, it in due:
        series.patched(it, it.count)
    assert series.next_due() == 0.5
    now[0] = 10.5
    assert len(series.due()) == 1


def test_a_series_ends_six_minutes_after_its_last_event() -> None:
    now = [0.0]
    series = at(now)
    series.created(key(), "/e", 1)
    now[0] = SERIES_SECONDS
    assert series.join(key(), 2)
    now[0] = 2 * SERIES_SECONDS + 1
    assert not series.join(key(), 3)


def test_at_the_end_the_api_is_told_at_once() -> None:
    now = [0.0]
    series = at(now)
    series.created(key(), "/e", 1)
    series.join(key(), 2)
    assert len(series.due(all_of_them=True)) == 1


def test_a_pod_that_has_too_many_takes_nothing_from_the_others() -> None:
    now = [0.0]
    series = at(now)
    assert [series.may_create("u1") for _ in range(12)] == [True] * 10 + [False] * 2
    assert series.may_create("u2")
    now[0] = 61.0
    assert [series.may_create("u1") for _ in range(2)] == [True, False]


def test_there_is_a_bound_for_all_pods() -> None:
    now = [0.0]
    series = at(now)
    allowed = [series.may_create(f"u{number}") for number in range(60)]
    assert sum(allowed) == 50
    now[0] = 1.0
    assert [series.may_create(f"v{number}") for number in range(3)] == [True, True, False]


def test_a_thousand_series_are_kept() -> None:
    now = [0.0]
    series = at(now)
    for number in range(2000):
        series.created(key(f"u{number}"), "/e", 1)
    assert not series.join(key("u0"), 2)
    assert series.join(key("u1999"), 2)
