from ebpftrace.views.dashboard.render.spans import plain
from ebpftrace.views.dashboard.render.tail import tail
from ebpftrace.views.entries import Entry
from tests.support import watches
from tests.support.dashboards import NOTES, PLAIN


def tail_lines(notes: int, remarks: tuple[str, ...], height: int) -> list[str]:
    return [
        plain(line)
        for line in tail(NOTES[:notes], remarks, watches.MONOTONIC_NS, 100, height, PLAIN)
    ]


def test_the_newest_come_last_and_only_as_many_as_fit() -> None:
    lines = tail_lines(5, (), 4)
    assert lines[0].startswith("── events ─")
    assert [line.split()[0] for line in lines[1:]] == ["oom_kill", "stall", "loss"]


def kinds(entries: list[Entry], height: int) -> list[str]:
    lines = tail(entries, (), watches.MONOTONIC_NS, 100, height, PLAIN)
    return [plain(line).split()[0] for line in lines[1:]]


def test_what_matters_is_not_pushed_off_by_comings_and_goings() -> None:
    loud: list[Entry] = [
        watches.oom_note(),
        watches.finding(),
        watches.step(),
        watches.outcome(),
    ]
    crowd: list[Entry] = [watches.process_note("exit", exit_code=0) for _ in range(30)]
    assert kinds([*loud, *crowd], 6) == ["oom_kill", "finding", "step", "outcome", "process"]
    assert kinds([*loud, *crowd], 3) == ["step", "outcome"]


def test_after_a_minute_it_is_as_any_other() -> None:
    old = watches.oom_note(monotonic_ns=watches.MONOTONIC_NS - 61 * 10**9)
    assert kinds([old, watches.process_note(), watches.stall_note()], 3) == ["process", "stall"]


def test_remarks_stand_first_while_there_is_room() -> None:
    assert tail_lines(0, ("syscalls are traced",), 4)[1] == "remark   syscalls are traced"
    assert tail_lines(1, ("syscalls are traced",), 4)[2].startswith("process")
    assert "remark" not in "".join(tail_lines(5, ("syscalls are traced",), 4))


def test_nothing_to_tell_takes_no_line() -> None:
    assert tail_lines(0, (), 4) == []
    assert tail_lines(5, (), 1) == []
