"""Which fuse events are logged and reported, and what is said of the others."""

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import first_event
from ebpftrace.act.fuse.reports import FuseReports
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import KnownProcess
from tests.support.fuse_rig import ScriptedBreaker
from tests.support.scripted_time import ScriptedTime
from tests.support.stops import GOPLS, POLICY, blown
from tests.support.watches import identity

MOST = 192


def event(pid: int, kind: FuseEventKind) -> FuseEvent:
    known = KnownProcess(identity()._replace(cgroup="/build"), "gopls", "", None, "gopls")
    return first_event(kind, blown(GOPLS, key=ProcessKey(pid, 1)), known, POLICY, time_ns=0)


def test_stops_beyond_a_share_are_summed_up_and_each_kill_is_logged() -> None:
    log, time = ScriptedBreaker(), ScriptedTime()
    reported: list[FuseEvent] = []
    remarks: list[str] = []
    reports = FuseReports(log, reported.append, remarks.append, lambda: time.now_ns)
    stops = [event(pid, FuseEventKind.STOPPED) for pid in range(1, MOST + 4)]
    assert reports.add(stops) == stops
    assert log.logged == reported == stops[:MOST]
    killed = event(999, FuseEventKind.KILLED)
    reports.add_kill(killed)
    assert reported[-1] == killed
    reports.sum_up()
    assert log.calls == [("log kill", killed.process), ("log held back", 3, 0)]
    assert len(remarks) == 1
