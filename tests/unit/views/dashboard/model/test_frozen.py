from collections.abc import Sequence
from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.events import FuseOf
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.model.frozen import frozen_facts, stopped_in_job, stopped_in_row
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from tests.support import watches

PROCESSES = [watches.process(pid, MIB) for pid in range(4711, 4716)]
JOB = watches.job(processes=PROCESSES)


def news(number: int, ago_s: int = 12, **changes: object) -> FuseEvent:
    at = watches.MONOTONIC_NS - ago_s * NS_PER_SECOND
    return watches.fuse_news(
        FuseEventKind.STOPPED, process=PROCESSES[number].key, monotonic_ns=at, **changes
    )


def facts(row: Row, stopped: Sequence[FuseEvent]) -> list[tuple[str, str]]:
    shown = watches.snapshot(JOB)
    return frozen_facts(
        row, ScreenData(None, shown, stopped={one.process: one for one in stopped})
    )


def test_who_stands_of_a_job_and_of_a_process() -> None:
    stranger = replace(news(0), process=replace(PROCESSES[0].key, start_boottime_ns=1))
    first, later = news(1, 30), news(0, 10)
    stopped = {one.process: one for one in (later, first, stranger)}
    assert stopped_in_job(JOB, stopped) == [first, later]
    assert stopped_in_row(Row(JOB), stopped) == [first, later]
    assert stopped_in_row(Row(JOB, PROCESSES[0]), stopped) == [later]
    assert stopped_in_row(Row(JOB, PROCESSES[2]), stopped) == []
    assert stopped_in_job(JOB, {}) == []


def test_at_what_for_how_long_and_what_is_next() -> None:
    told = dict(facts(Row(JOB, PROCESSES[0]), [news(0)]))
    assert told["frozen"] == (
        "gopls 4711 for 12s: stopped at 1.8 GiB, bound 1.8 GiB of the job, limit 2.0 GiB"
    )
    assert told["next"] == "capture, shell, then SIGKILL"
    assert told["keys"] == "t lets it go on; x, pressed twice, kills it"


def test_where_it_would_be_stopped_next_and_what_is_not_known() -> None:
    one = news(0, of=FuseOf.CHARGE, limit_bytes=None, next_bound_bytes=GIB, then="")
    told = dict(facts(Row(JOB), [one]))
    assert told["frozen"].endswith("bound 1.8 GiB of the job's charge")
    assert "next" not in told
    assert told["keys"].startswith("t lets it go on, until it meets 1.0 GiB;")


def test_of_many_three_are_told_and_no_key_is_promised() -> None:
    told = facts(Row(JOB), [news(number, 20 - number) for number in range(5)])
    assert [text.split(" for ")[0] for label, text in told if label == "frozen"] == [
        "gopls 4711", "gopls 4712", "gopls 4713", "and 2 more",
    ]  # fmt: skip
    assert "keys" not in dict(told)
    assert facts(Row(JOB), []) == []
