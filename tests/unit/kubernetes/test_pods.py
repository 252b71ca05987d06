"""Known pods, and how long deleted ones stay."""

from ebpftrace.kubernetes.pod import Pod
from ebpftrace.kubernetes.pods import KnownPods


def pod(number: int) -> Pod:
    return Pod(f"u{number}", f"u{number}", "ci", f"p{number}", "n1")


def test_a_deleted_pod_stays_for_a_time_and_then_goes() -> None:
    now = [0.0]
    known = KnownPods(10.0, lambda: now[0])
    known.seen(pod(1))
    known.deleted(pod(1))
    frozen = known.now
    now[0] = 9.0
    known.seen(pod(2))
    assert set(known.now) == {"u1", "u2"}
    now[0] = 10.0
    known.seen(pod(3))
    assert set(known.now) == {"u2", "u3"}
    assert set(frozen) == {"u1"}  # what a reader has does not change


def test_a_list_tells_which_pods_were_deleted() -> None:
    now = [0.0]
    known = KnownPods(10.0, lambda: now[0])
    known.replace([pod(1), pod(2)])
    known.replace([pod(2)])
    assert set(known.now) == {"u1", "u2"}
    now[0] = 10.0
    known.replace([pod(2)])
    assert set(known.now) == {"u2"}


def test_a_pod_that_came_after_its_end_is_known() -> None:
    known = KnownPods(10.0, lambda: 0.0)
    known.deleted(pod(1))
    assert known.now["u1"].name == "p1"


def test_the_longest_deleted_go_first_where_there_are_too_many() -> None:
    known = KnownPods(10.0, lambda: 0.0)
    known.deleted(pod(-1))
    known.replace([pod(number) for number in range(4096)])
    assert len(known.now) == 4096
    assert "u-1" not in known.now
    known.seen(pod(5000))
    assert len(known.now) == 4096
    assert "u5000" in known.now
