from collections.abc import Sequence

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.events import FuseScope
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.model.frozen import frozen_facts, stopped_in_job, stopped_in_row
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from tests.support import watches

PROCESSES = [watches.process(pid, MIB) for pid in range(4711, 4716)]
JOB = watches.job(processes=PROCESSES)


def stop(number: int, ago_s: int = 12, **changes: object) -> FuseEvent:
    at = watches.MONOTONIC_NS - ago_s * NS_PER_SECOND
    return watches.fuse_event(
        FuseEventKind.STOPPED, process=PROCESSES[number].key, monotonic_ns=at, **changes
    )


def facts(row: Row, stopped: Sequence[FuseEvent]) -> list[tuple[str, str]]:
    shown = watches.snapshot(JOB)
    return frozen_facts(
        row, ScreenData(None, shown, stopped={event.process: event for event in stopped})
    )


def test_stopped_processes_of_a_job_and_of_a_process() -> None:
    stranger = stop(0)._replace(process=PROCESSES[0].key._replace(start_boottime_ns=1))
    first, later = stop(1, 30), stop(0, 10)
    stopped = {event.process: event for event in (later, first, stranger)}
    assert stopped_in_job(JOB, stopped) == [first, later]
    assert stopped_in_row(Row(JOB), stopped) == [first, later]
    assert stopped_in_row(Row(JOB, PROCESSES[0]), stopped) == [later]
    assert stopped_in_row(Row(JOB, PROCESSES[2]), stopped) == []
    assert stopped_in_job(JOB, {}) == []


def test_facts_have_the_size_the_duration_and_the_next_steps() -> None:
    found = dict(facts(Row(JOB, PROCESSES[0]), [stop(0)]))
    assert found["frozen"] == (
        "gopls 4711 for 12s: stopped at 1.8 GiB, bound 1.8 GiB of the job, limit 2.0 GiB"
    )
    assert found["next"] == "capture, shell, then SIGKILL"
    assert found["keys"] == "t resumes it; x, pressed twice, kills it"


def test_facts_have_the_next_bound_and_leave_out_what_is_unknown() -> None:
    event = stop(
        0, scope=FuseScope.CHARGE, limit_bytes=None, next_bound_bytes=GIB, next_steps=""
    )
    found = dict(facts(Row(JOB), [event]))
    assert found["frozen"].endswith("bound 1.8 GiB of the job's charge")
    assert "next" not in found
    assert found["keys"].startswith("t resumes it (next bound: 1.0 GiB);")


def test_of_many_stopped_processes_three_are_described_without_keys() -> None:
    found = facts(Row(JOB), [stop(number, 20 - number) for number in range(5)])
    assert [text.split(" for ")[0] for label, text in found if label == "frozen"] == [
        "gopls 4711", "gopls 4712", "gopls 4713", "and 2 more",
    ]  # fmt: skip
    assert "keys" not in dict(found)
    assert facts(Row(JOB), []) == []
