"""Of the threads that hang, no user has more than a share."""

import threading

from ebpftrace.host.reading.stuck import MOST_OF_OWNER, MOST_STUCK, LeftBehind

HANGING = threading.current_thread()


def test_user_has_a_share_of_each_kind() -> None:
    left = LeftBehind()
    for _ in range(MOST_OF_OWNER):
        assert left.refusal("capture", "user") == ""
        left.add("capture", "user", HANGING)
    assert left.refusal("capture", "user").startswith(f"{MOST_OF_OWNER} earlier ones about")
    assert left.refusal("capture", "other") == ""
    assert left.refusal("notify", "user") == ""
    assert left.refused == 1


def test_all_users_together_have_few() -> None:
    left = LeftBehind()
    for owner in range(MOST_STUCK):
        assert left.refusal("capture", owner) == ""
        left.add("capture", owner, HANGING)
    assert left.refusal("capture", MOST_STUCK) == f"{MOST_STUCK} earlier ones hang"


def test_thread_that_has_ended_counts_no_longer() -> None:
    left, thread = LeftBehind(), threading.Thread()
    thread.start()
    thread.join()
    assert not left
    for _ in range(MOST_OF_OWNER):
        left.add("capture", "user", thread)
    assert left
    assert left.refusal("capture", "user") == ""
    assert not left
