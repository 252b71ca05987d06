"""Which stops have a line, and what is said about the others."""

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import first_event
from ebpftrace.act.fuse.lines import FuseLines
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import KnownProcess
from ebpftrace.units import NS_PER_SECOND
from tests.support.stops import GOPLS, POLICY, blown
from tests.support.watches import identity

MINUTE_NS = 60 * NS_PER_SECOND


class Clock:
    """Nanoseconds."""

    now_ns = 10 * MINUTE_NS

    def __call__(self) -> int:
        return self.now_ns


def event(
    pid: int, kind: FuseEventKind = FuseEventKind.STOPPED, cgroup: str = "/build"
) -> FuseEvent:
    job = identity()._replace(cgroup=cgroup, key=cgroup, name=cgroup.strip("/"))
    known = KnownProcess(job, "gopls", GOPLS.role, None, "gopls")
    stop = blown(GOPLS, key=ProcessKey(pid, 1))
    return first_event(kind, stop, known, POLICY, time_ns=0)


def test_stops_beyond_a_share_have_no_line_nor_have_their_ends() -> None:
    lines = FuseLines(Clock())
    admitted = [pid for pid in range(1, 400) if lines.admits(event(pid))]
    assert admitted == list(range(1, 193))
    assert lines.admits(event(999, cgroup="/other"))
    ends = [pid for pid in range(1, 400) if lines.admits(event(pid, FuseEventKind.ENDED))]
    assert ends == admitted
    assert lines.admits(event(300, FuseEventKind.THAWED))  # of another stop, which had one


def test_kill_always_has_a_line() -> None:
    lines = FuseLines(Clock())
    assert all(lines.admits(event(pid, FuseEventKind.KILLED)) for pid in range(1, 400))


def test_what_has_no_line_is_said_once_a_minute_and_at_the_end() -> None:
    clock = Clock()
    lines = FuseLines(clock)
    assert lines.take(last=True) is None
    for pid in range(1, 196):
        lines.admits(event(pid))
    for pid in range(200, 300):
        lines.admits(event(pid, cgroup="/other"))
    held_back = lines.take()
    assert held_back is not None
    assert (held_back.last.job.name, held_back.stops, held_back.elsewhere) == ("other", 52, 3)
    assert held_back.sentence == (
        "52 further stops by the fuse of other without a line, and 3 of other jobs"
    )
    lines.admits(event(300))
    assert lines.take() is None
    clock.now_ns += MINUTE_NS
    again = lines.take()
    assert again is not None
    assert again.sentence == "1 further stop by the fuse of build without a line"
