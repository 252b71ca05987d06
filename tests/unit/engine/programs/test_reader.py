"""Executables are read in a child, which is left behind where it hangs."""

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ebpftrace.engine.programs.reader import AskLaterError, ProgramReader
from ebpftrace.engine.programs.time_shares import TimeShares
from ebpftrace.golang.buildinfo import GoProgram
from ebpftrace.host.bounded import MOST_OF_OWNER, MOST_STUCK
from tests.support.elfs import program
from tests.support.patience import patient
from tests.support.process_state import until

TEXT = "path\texample.com/tool\nmod\texample.com\tv1.2.3\th1:x=\n"
LONG = patient(30.0)
PID, OTHER_PID = 4711, 4712


@pytest.fixture
def go_file(tmp_path: Path) -> Path:
    file = tmp_path / "tool"
    file.write_bytes(program("go1.22", TEXT))
    return file


@pytest.fixture
def reader() -> Iterator[ProgramReader]:
    """It never takes its child for stuck, and waits long; each pid is a user of its own."""
    made = ProgramReader(lambda _pid: False, LONG, owner=lambda pid: pid)
    made._shares = TimeShares(count(0, 1000).__next__)  # long ago: a busy machine reads slowly
    yield made
    made.close()


def child_of(reader: ProgramReader) -> int:
    assert reader._child is not None
    return reader._child.pid


def test_go_programs_and_versions_are_those_of_the_file(
    reader: ProgramReader, go_file: Path
) -> None:
    assert reader.program(PID, 1, go_file) == GoProgram("example.com/tool")
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    assert reader.program(PID, 1, Path("/bin/true")) is None
    assert reader.version(PID, 1, Path("/no/such/file")) == ""
    assert reader.timeouts == 0


def test_path_of_any_bytes_can_be_asked_for(reader: ProgramReader, tmp_path: Path) -> None:
    file = tmp_path / "a\nb\udcff\x1b"
    file.write_bytes(program("go1.22", TEXT))
    assert reader.version(PID, 1, file) == "v1.2.3"


def test_child_has_no_descriptor_but_its_socket(reader: ProgramReader, go_file: Path) -> None:
    ours, theirs = os.pipe()
    reader.version(PID, 1, go_file)
    opened = {fd.readlink() for fd in Path(f"/proc/{child_of(reader)}/fd").iterdir()}
    os.close(ours)
    os.close(theirs)
    assert {str(target).partition(":")[0] for target in opened} == {"socket", "/dev/null"}


def test_child_that_hangs_is_left_behind_and_another_asked(
    reader: ProgramReader, go_file: Path
) -> None:
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    stuck = child_of(reader)
    os.kill(stuck, signal.SIGSTOP)
    try:
        reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
        assert reader.version(PID, 1, go_file) == ""
        assert reader.timeouts == 1
        reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
        assert reader.version(PID, 1, go_file) == "", "not asked again about the same"
        assert reader.timeouts == 2
        assert reader.version(PID, 2, go_file) == "v1.2.3"
        assert child_of(reader) != stuck
    finally:
        os.kill(stuck, signal.SIGCONT)
    until(lambda: all(child.has_ended() for child in reader._stuck.reads))
    assert reader.version(PID, 1, go_file) == "v1.2.3"


def test_no_more_children_than_so_many_are_left_behind(
    reader: ProgramReader, go_file: Path
) -> None:
    stopped = []
    try:
        for about in range(MOST_STUCK):
            reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
            assert reader.version(OTHER_PID, "other", go_file) == "v1.2.3"
            stopped.append(child_of(reader))
            os.kill(stopped[-1], signal.SIGSTOP)
            reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
            assert reader.version(about, about, go_file) == ""
        assert reader.version(OTHER_PID, "other", go_file) == ""
        assert reader.timeouts == MOST_STUCK + 1
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_prepared_reader_has_a_child_that_is_ready(go_file: Path) -> None:
    reader = ProgramReader(lambda _pid: True, 0.001)
    reader.prepare()
    assert reader._child is not None and reader._child.ready
    reader._patience_seconds = LONG
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    reader.close()


def test_child_that_was_killed_is_replaced(reader: ProgramReader, go_file: Path) -> None:
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    os.kill(child_of(reader), signal.SIGKILL)
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    assert reader.timeouts == 0


def test_idle_child_ends_and_is_started_again(go_file: Path) -> None:
    reader = ProgramReader(lambda _pid: False, LONG, idle_seconds=0.5)
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    idle = child_of(reader)
    until(lambda: Path(f"/proc/{idle}/stat").read_bytes().rpartition(b") ")[2][:1] == b"Z")
    assert reader.version(PID, 1, go_file) == "v1.2.3"
    reader.close()


def test_python_that_is_not_there_is_no_answer(
    go_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    reader = ProgramReader(lambda _pid: False, LONG)
    assert reader.version(PID, 1, go_file) == ""
    assert reader.timeouts == 1


def test_files_of_a_user_that_hang_leave_the_reader_to_others(
    reader: ProgramReader, go_file: Path
) -> None:
    stopped = []
    try:
        for about in range(MOST_OF_OWNER + 2):
            assert reader.version(OTHER_PID, "other", go_file) == "v1.2.3"
            child = child_of(reader)
            os.kill(child, signal.SIGSTOP)
            reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
            assert reader.version(PID, about, go_file) == ""
            reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
            if child_of(reader) == child:  # it was not asked
                os.kill(child, signal.SIGCONT)
            else:
                stopped.append(child)
        assert len(stopped) == MOST_OF_OWNER
        assert reader.version(OTHER_PID, "other", go_file) == "v1.2.3"
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_child_that_starts_in_place_of_one_that_is_stuck_is_not_waited_for(
    reader: ProgramReader, go_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes tens of milliseconds: whatever else starts then is asked about later."""
    assert reader.program(PID, 1, go_file) is not None
    stuck = child_of(reader)
    os.kill(stuck, signal.SIGSTOP)
    try:
        reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
        assert reader.program(PID, 1, go_file) is None
        reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
        monkeypatch.setattr(reader._child, "has_message", lambda _seconds: False)
        for _ in range(2):
            with pytest.raises(AskLaterError):
                reader.program(OTHER_PID, 2, go_file)
        monkeypatch.undo()
        assert reader.version(OTHER_PID, 2, go_file) == "v1.2.3"
        assert reader.program(OTHER_PID, 2, go_file) is not None
        assert reader.timeouts == 1
    finally:
        os.kill(stuck, signal.SIGKILL)
        os.waitpid(stuck, 0)


def test_user_whose_files_took_their_time_is_asked_about_later(
    reader: ProgramReader, go_file: Path
) -> None:
    now = [0.0]
    reader._shares = TimeShares(lambda: now[0], lambda pid: pid)
    reader._shares.spend(PID, 1.0)
    with pytest.raises(AskLaterError):
        reader.program(PID, 1, go_file)
    assert reader.program(OTHER_PID, 2, go_file) is not None
    now[0] = 60.0
    assert reader.program(PID, 1, go_file) is not None
