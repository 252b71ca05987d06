"""The recent memory of jobs, bounded in length and in time."""

from dataclasses import replace

from ebpftrace.act.breaker.curves import Curves
from ebpftrace.ledger import Snapshot
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches

S = NS_PER_SECOND
JOB = watches.job("build-42", [watches.process()])
KEY = JOB.identity.key


def at(seconds: int, *, empty: bool = False) -> Snapshot:
    snapshot = watches.snapshot() if empty else watches.snapshot(JOB)
    return replace(snapshot, monotonic_ns=seconds * S)


def test_a_job_has_a_point_for_each_snapshot_oldest_first() -> None:
    curves = Curves()
    for seconds in (1, 2, 3):
        curves.add(at(seconds))
    assert [time_ns // S for time_ns, _, _ in curves.of(KEY)] == [1, 2, 3]
    assert curves.of(KEY)[0][2] == JOB.cgroup.charge_bytes
    assert curves.of("unknown") == ()


def test_at_most_six_hundred_points_are_kept() -> None:
    curves = Curves()
    for seconds in range(700):
        curves.add(at(seconds))
    points = curves.of(KEY)
    assert (len(points), points[0][0]) == (600, 100 * S)


def test_a_job_that_is_missing_for_ten_minutes_is_forgotten() -> None:
    curves = Curves()
    curves.add(at(0))
    curves.add(at(600, empty=True))
    assert len(curves.of(KEY)) == 1
    curves.add(at(601, empty=True))
    assert curves.of(KEY) == ()
