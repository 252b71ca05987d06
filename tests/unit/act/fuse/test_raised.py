"""How long a bound that was put higher stays there."""

from ebpftrace.act.fuse.raised import RaisedBounds
from ebpftrace.units import GIB, MIB
from tests.support.watches import identity, job, process, snapshot

GROUP = identity().cgroup_id


def raised() -> RaisedBounds:
    bounds = RaisedBounds()
    bounds.put(GROUP, 2 * GIB, measured_bytes=GIB)
    return bounds


def test_it_comes_down_with_what_is_held() -> None:
    full, less = process(resident=1100 * MIB), process(resident=100 * MIB)
    bounds = raised()
    bounds.come_down(snapshot(job(processes=[full])), ())
    assert bounds.bounds == {GROUP: 2 * GIB}
    bounds.come_down(snapshot(job(processes=[less])), ())
    assert bounds.bounds == {}


def test_it_stays_where_somebody_stands() -> None:
    bounds = raised()
    bounds.come_down(snapshot(), {GROUP})
    assert bounds.bounds == {GROUP: 2 * GIB}
    bounds.come_down(snapshot(), ())
    assert bounds.bounds == {}


def test_of_a_process_its_cgroups_charge_counts_too() -> None:
    """It is not known here which of the two the bound is of."""
    one, bounds = process(resident=100 * MIB), RaisedBounds()
    bounds.put(one.key, 2 * GIB, measured_bytes=GIB)
    bounds.come_down(snapshot(job(processes=[one], cache=GIB)), ())
    assert bounds.bounds == {one.key: 2 * GIB}
    bounds.come_down(snapshot(job(processes=[one])), ())
    assert bounds.bounds == {}


def test_of_who_is_gone_nothing_is_kept() -> None:
    bounds = raised()
    bounds.forget(GROUP)
    bounds.forget(GROUP)
    assert bounds.bounds == {}
