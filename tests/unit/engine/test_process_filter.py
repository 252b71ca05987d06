"""Which tracked processes match, also where /proc describes another program by now."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ebpftrace.engine import process_filter
from ebpftrace.engine.process_filter import MOST_REMARKS, ProcessFilter
from ebpftrace.engine.programs.reader import AskLaterError, ProgramReader
from ebpftrace.engine.programs.time_shares import TimeShares
from ebpftrace.events import ProcessExited, ProcessKey, ProcessStarted, StartCause
from ebpftrace.golang.buildinfo import GoProgram
from ebpftrace.probe import Selection
from tests.support import elfs
from tests.support.patience import patient

SLEEP = os.path.realpath("/usr/bin/sleep")


@pytest.fixture(autouse=True)
def _patient_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No load of the machine makes an answer late."""
    reader = ProgramReader(lambda _pid: False, patient(30.0))
    reader._shares = TimeShares(count(0, 1000).__next__)
    reader.prepare()
    monkeypatch.setattr(process_filter, "READER", reader)
    yield
    reader.close()


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as process:
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
            time.sleep(0.001)  # exec sets its arguments last
        yield process.pid
        process.kill()


def _yes(_event: ProcessStarted) -> bool:
    return True


def started(pid: int, how: StartCause = StartCause.EXEC, parent: int = 1) -> ProcessStarted:
    return ProcessStarted(5, ProcessKey(pid, 1000 + pid), parent, how, "sleep", 1, program="x")


def test_program_is_what_the_exe_link_names(sleeper: int) -> None:
    accepted = ProcessFilter(Selection(exes=(SLEEP,))).accept(started(sleeper), _yes)
    assert accepted is not None
    assert accepted.program == SLEEP
    assert accepted.args == ("/usr/bin/sleep", "60")


def test_other_program_does_not_match(sleeper: int) -> None:
    tracked = ProcessFilter(Selection(exes=("/usr/bin/gopls",)))
    assert tracked.accept(started(sleeper), _yes) is None
    assert tracked.unidentified == 0


def test_process_that_executed_another_program_since_is_matched_by_its_record(
    sleeper: int,
) -> None:
    tracked = ProcessFilter(Selection(exes=(SLEEP,)))
    before = started(sleeper)._replace(program="/bin/wrapper", args=("wrapper",))
    assert tracked.accept(before, lambda _event: False) is None
    assert tracked.accept(started(sleeper), _yes) is not None


def test_fork_matches_as_its_parent_does_whatever_proc_says(sleeper: int) -> None:
    tracked = ProcessFilter(Selection(exes=(SLEEP,)))
    stranger = started(sleeper, StartCause.FORK, parent=1)
    assert tracked.accept(stranger, _yes) is None
    assert tracked.accept(started(sleeper), _yes) is not None
    child = tracked.accept(started(sleeper + 1, StartCause.FORK, parent=sleeper), _yes)
    assert child is not None
    assert child.program == SLEEP


def test_process_that_ended_before_its_program_was_read_is_counted() -> None:
    tracked = ProcessFilter(Selection(exes=(SLEEP,)))
    assert tracked.accept(started(1 << 22), _yes) is None  # no such pid, and a relative path
    assert tracked.unidentified == 1


def test_exit_frees_the_pid(sleeper: int) -> None:
    tracked = ProcessFilter(Selection(exes=(SLEEP,)))
    event = started(sleeper)
    tracked.accept(event, _yes)
    assert tracked.has(event.key)
    assert len(tracked) == 1
    tracked.forget(ProcessExited(6, event.key, "sleep", 0, 0, event.counters))
    assert not tracked.has(event.key)
    assert tracked.accept(started(sleeper + 1, StartCause.FORK, parent=sleeper), _yes) is None


@pytest.mark.parametrize(("text", "lacks"), [(None, "no build info"), ("", "no main package")])
def test_go_program_that_cannot_be_matched_is_counted_and_named_once(
    tmp_path: Path, text: str | None, lacks: str
) -> None:
    raw = elfs.program("go1.22", text or "")
    file = tmp_path / "a tool"
    file.write_bytes(raw.replace(b"Go buildinf", b"no buildinf") if text is None else raw)
    tracked = ProcessFilter(Selection(go_mains=("example.com/*",)))
    for pid in (1 << 22, 2 << 22):  # no such process: the file is read
        assert tracked.accept(started(pid)._replace(program=str(file)), _yes) is None
    assert tracked.unidentified == 2
    (remark,) = tracked.take_remarks()
    assert f"{file} is a Go program with {lacks}" in remark
    assert f"--exe '{file}'" in remark
    assert not tracked.take_remarks()


def test_program_of_another_language_is_not_remarked_upon() -> None:
    tracked = ProcessFilter(Selection(go_mains=("example.com/*",)))
    assert tracked.accept(started(1 << 22)._replace(program="/bin/true"), _yes) is None
    assert (tracked.unidentified, tracked.take_remarks()) == (0, [])


def test_remarks_about_programs_are_bounded(tmp_path: Path) -> None:
    tracked = ProcessFilter(Selection(go_mains=("example.com/*",)))
    for number in range(2 * MOST_REMARKS):
        file = tmp_path / f"tool-{number}"
        file.write_bytes(elfs.program("go1.22", ""))
        tracked.accept(started(1 << 22)._replace(program=str(file)), _yes)
    assert len(tracked.take_remarks()) == MOST_REMARKS


def test_process_that_renamed_itself_keeps_the_name_it_was_executed_under(sleeper: int) -> None:
    tracked = ProcessFilter(Selection(comms=("sleep",)))
    found = started(sleeper, StartCause.FOUND)._replace(comm="sleep-MainThread")
    accepted = tracked.accept(found, _yes)
    assert accepted is not None
    assert (accepted.comm, accepted.exec_name) == ("sleep-MainThread", "sleep")
    fork = started(sleeper + 1, StartCause.FORK, parent=sleeper)._replace(comm="worker")
    child = tracked.accept(fork, _yes)
    assert child is not None
    assert child.exec_name == "sleep", "it executed nothing"
    executed = tracked.accept(started(sleeper)._replace(comm="link"), _yes)
    assert executed is not None
    assert executed.exec_name == "link", "the kernel's own word at exec"


def test_script_found_running_is_not_watched_for_its_interpreters_name(sleeper: int) -> None:
    """The kernel side compares the file's name too, which user space tells from a script's."""
    script = started(sleeper, StartCause.FOUND)._replace(comm="lint", args=())
    tracked = ProcessFilter(Selection(comms=("lint", "x")))
    assert tracked.accept(script, _yes) is not None
    tracked = ProcessFilter(Selection(comms=("other",)))
    assert tracked.accept(script, _yes) is None
    assert ProcessFilter(Selection(comms=("other",), children=True)).accept(script, _yes)


def test_program_whose_file_system_hangs_is_counted(
    sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ProgramReader(lambda _pid: False, patient(30.0))
    monkeypatch.setattr(process_filter, "READER", reader)
    assert reader.program(0, 0, Path(SLEEP)) is None
    assert reader._child is not None
    child = reader._child.pid
    os.kill(child, signal.SIGSTOP)
    try:
        reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
        tracked = ProcessFilter(Selection(go_mains=("golang.org/x/tools/gopls",)))
        assert tracked.accept(started(sleeper), _yes) is None
        assert tracked.unidentified == 1
        assert reader.timeouts
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reader.close()


MONITOR = ("gopls", "** telemetry **")


def monitored(parent: int, child: int, **changes: object) -> tuple[ProcessFilter, str]:
    """A filter with a watched process, and the role of a child that it starts."""
    tracked = ProcessFilter(Selection(comms=("sleep",)))
    assert tracked.accept(started(parent), _yes) is not None
    event = started(child, parent=parent)._replace(args=MONITOR, same_program=True)
    accepted = tracked.accept(event._replace(**changes), _yes)  # type: ignore[arg-type]
    assert accepted is not None
    return tracked, accepted.role


def test_crash_monitor_is_a_child_of_a_watched_process_with_the_same_program() -> None:
    assert monitored(1 << 22, (1 << 22) + 1)[1] == "telemetry"


@pytest.mark.parametrize(
    "changes",
    [
        {"args": ("gopls", "serve")},
        {"args": ("gopls", "serve", "** telemetry **")},
        {"args": ()},  # the start was not reported
        {"same_program": False},
        {"parent_pid": 1},
        {"how": StartCause.RENAME, "args": ("gopls",)},
        {"how": StartCause.FORK},
    ],
)
def test_process_that_only_says_so_is_no_crash_monitor(changes: dict[str, object]) -> None:
    assert monitored(1 << 22, (1 << 22) + 1, **changes)[1] == ""


def test_arguments_that_were_written_over_later_make_no_crash_monitor(sleeper: int) -> None:
    """/proc shows what the process makes of them; the kernel had read those of its exec."""
    tracked = ProcessFilter(Selection(comms=("sleep",)))
    assert tracked.accept(started(1 << 22), _yes) is not None
    event = started(sleeper, parent=1 << 22)
    for args in ((), ("sleep", "9…")):
        event = event._replace(args=args, same_program=True)
        accepted = tracked.accept(event, _yes)
        assert accepted is not None
        assert accepted.args == ("/usr/bin/sleep", "60")
        assert accepted.role == ""


def test_forked_child_of_a_crash_monitor_is_none() -> None:
    monitor = (1 << 22) + 1
    tracked, role = monitored(1 << 22, monitor)
    assert role == "telemetry"
    child = tracked.accept(started(monitor + 1, StartCause.FORK, parent=monitor), _yes)
    assert child is not None
    assert (child.role, child.args) == ("", MONITOR)


def test_process_that_cannot_be_read_now_is_decided_about_later(
    sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[GoProgram | None] = [None, GoProgram("example.com/tool")]

    def program(*_about: object) -> GoProgram | None:
        if answers.pop(0) is None:
            raise AskLaterError
        return GoProgram("example.com/tool")

    monkeypatch.setattr(process_filter.READER, "program", program)
    tracked = ProcessFilter(Selection(go_mains=("example.com/tool",)))
    event = started(sleeper)
    assert tracked.accept(event, _yes) is None
    assert event.key in tracked.undecided
    assert not tracked.has(event.key)
    assert tracked.undecided.take() == [event]
    assert tracked.accept(event, _yes) is not None
    assert (tracked.has(event.key), tracked.unidentified) == (True, 0)


def test_process_that_ends_undecided_is_counted(
    sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(*_about: object) -> GoProgram | None:
        raise AskLaterError

    monkeypatch.setattr(process_filter.READER, "program", program)
    tracked = ProcessFilter(Selection(go_mains=("example.com/tool",)))
    event = started(sleeper)
    assert tracked.accept(event, _yes) is None
    tracked.forget(ProcessExited(6, event.key, "sleep", 0, 0, event.counters))
    assert (len(tracked.undecided), tracked.unidentified) == (0, 1)


def test_fork_has_the_memory_of_the_process_that_was_executed(sleeper: int) -> None:
    tracked = ProcessFilter(Selection(exes=(SLEEP,)))
    first = tracked.accept(started(sleeper), _yes)
    child = tracked.accept(started(sleeper + 1, StartCause.FORK, parent=sleeper), _yes)
    grandchild = tracked.accept(started(sleeper + 2, StartCause.FORK, parent=sleeper + 1), _yes)
    assert first is not None and child is not None and grandchild is not None
    assert first.memory_boottime_ns == 0
    assert child.memory_boottime_ns == grandchild.memory_boottime_ns == 1000 + sleeper


def test_processes_that_were_started_alike_share_their_words(sleeper: int) -> None:
    tracked = ProcessFilter(Selection())
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as other:
        while not Path(f"/proc/{other.pid}/cmdline").read_bytes():
            time.sleep(0.001)
        first, second = (tracked.accept(started(pid), _yes) for pid in (sleeper, other.pid))
        other.kill()
    assert first is not None
    assert second is not None
    assert first.args == ("/usr/bin/sleep", "60")
    assert second.args is first.args
    assert second.program is first.program


def test_shared_words_are_bounded() -> None:
    tracked = ProcessFilter(Selection())
    for pid in range(1000):
        tracked._share(started(pid)._replace(args=(str(pid),)))
    assert len(tracked._words) <= 256
    tracked._words.clear()
    long = started(1)._replace(args=("x" * 2000,))
    assert tracked._share(long) is long
    assert not tracked._words
