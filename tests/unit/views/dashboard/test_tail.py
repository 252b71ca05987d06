from ebpftrace.views.dashboard.spans import plain
from ebpftrace.views.dashboard.tail import tail
from tests.support.dashboards import NOTES, PLAIN


def told(notes: int, remarks: tuple[str, ...], height: int) -> list[str]:
    return [plain(line) for line in tail(NOTES[:notes], remarks, 100, height, PLAIN)]


def test_the_newest_come_last_and_only_as_many_as_fit() -> None:
    lines = told(5, (), 4)
    assert lines[0].startswith("── events ─")
    assert [line.split()[0] for line in lines[1:]] == ["oom_kill", "stall", "loss"]


def test_remarks_stand_first_while_there_is_room() -> None:
    assert told(0, ("syscalls are traced",), 4)[1] == "remark   syscalls are traced"
    assert told(1, ("syscalls are traced",), 4)[2].startswith("process")
    assert "remark" not in "".join(told(5, ("syscalls are traced",), 4))


def test_nothing_to_tell_takes_no_line() -> None:
    assert told(0, (), 4) == []
    assert told(5, (), 1) == []
