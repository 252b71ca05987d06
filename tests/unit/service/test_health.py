"""What makes a watch unready, and what is only said."""

import pytest

from ebpftrace.service.health import checks, loop_check, remarks
from ebpftrace.service.state import Published
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches
from tests.support.published import published

NOW_NS = watches.MONOTONIC_NS + NS_PER_SECOND


def failing(state: Published, now_ns: int = NOW_NS) -> list[str]:
    return [check.name for check in checks(state, now_ns) if not check.ok]


def test_a_watch_that_works_is_ready() -> None:
    assert failing(published()) == []
    assert failing(published(acts=True)) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Published(), ["programs", "loop"]),
        (Published(started=watches.started()), ["loop"]),
        (published(over=True), ["programs"]),
        (published(acts=True, audit_trouble="disk full"), ["audit"]),
        (published(acts=True, reload_trouble="line 3"), ["policies"]),
    ],
)
def test_each_failure_has_its_check(state: Published, expected: list[str]) -> None:
    assert failing(state) == expected


def test_the_loop_is_late_after_ten_seconds_or_three_intervals() -> None:
    state = published()
    late_ns = watches.MONOTONIC_NS + 11 * NS_PER_SECOND
    assert failing(state, late_ns) == ["loop"]
    assert "no snapshot for 11" in loop_check(state, late_ns).detail
    slow = watches.started()._replace(interval_ns=60 * NS_PER_SECOND)
    assert failing(published(started=slow), late_ns) == []
    assert failing(published(started=slow), late_ns + 180 * NS_PER_SECOND) == ["loop"]


def test_a_snapshot_that_was_taken_far_too_late_fails_as_well() -> None:
    snapshot = watches.snapshot()
    cost = snapshot.cost._replace(lag_ns=12 * NS_PER_SECOND)
    assert failing(published(snapshot=snapshot._replace(cost=cost))) == ["loop"]


def test_losses_are_said_and_fail_nothing() -> None:
    state = published(snapshot=watches.snapshot(losses={"ring_exit": 3, "memory": 0}))
    assert failing(state) == []
    assert remarks(state) == ("lost: 3 ring_exit",)
    assert remarks(published()) == ()
