"""Which stopped processes an incident decides about, and where it is."""

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.format import first_event
from ebpftrace.act.fuse.phases import IncidentPhase, IncidentPhases
from ebpftrace.act.fuse.states import StoppedProcess
from ebpftrace.events import FuseScope
from ebpftrace.ledger import KnownProcess
from tests.support.stops import GOPLS, GROUP, POLICY, blown
from tests.support.watches import identity

ONE, OTHER = identity("one"), identity("other")


def stopped(scope: FuseScope = FuseScope.JOB, cgroup_id: int = GROUP) -> StoppedProcess:
    """A process of the other job."""
    known = KnownProcess(OTHER, "gopls", "", None, "gopls")
    event = first_event(
        FuseEventKind.STOPPED, blown(GOPLS, scope=scope), known, POLICY, time_ns=0
    )
    assert POLICY.fuse is not None
    return StoppedProcess(event, POLICY, POLICY.fuse, cgroup_id, GOPLS.key)


def test_incident_has_the_phases_that_it_is_given_until_it_ends() -> None:
    phases = IncidentPhases()
    assert not phases
    phases.begin(ONE)
    assert (ONE.key in phases, list(phases)) == (True, [ONE.key])
    assert phases.get(ONE.key) is IncidentPhase.RUNNING
    phases.proceed(ONE.key, IncidentPhase.TARGETS_ENDED)
    assert phases.any(IncidentPhase.TARGETS_ENDED)
    phases.end(ONE.key)
    assert not phases


def test_incident_has_what_the_sum_of_its_cgroup_stopped() -> None:
    phases = IncidentPhases()
    phases.begin(ONE)
    assert phases.has(ONE.key, stopped())
    assert not phases.has(ONE.key, stopped(FuseScope.PROCESS))
    assert not phases.has(ONE.key, stopped(cgroup_id=GROUP + 1))
    phases.begin(OTHER)
    assert not phases.has(ONE.key, stopped())
    assert phases.has(OTHER.key, stopped(FuseScope.PROCESS))
