"""What is published is replaced as a whole, and counts are right."""

from ebpftrace.service.state import BUCKETS_SECONDS, FirstActions, State
from tests.support import watches


def test_publishing_replaces_and_never_changes() -> None:
    state = State(acts=True)
    before = state.published
    state.publish(started=watches.started())
    assert before.started is None
    assert state.published.started == watches.started()
    assert state.published.acts


def test_a_duration_counts_in_the_first_bucket_that_holds_it() -> None:
    first = FirstActions()
    for ns in (0, 10_000_000, 10_000_001, 3_600 * 10**9):
        first = first.with_one(ns)
    assert first.counts[:2] == (2, 1)
    assert first.counts[-1] == 1
    assert len(first.counts) == len(BUCKETS_SECONDS) + 1
    assert 3600 < first.sum_seconds < 3600.1
