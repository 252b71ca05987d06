"""Executables are read in a child, which is left behind where it hangs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.engine.programs.reader import ProgramReader
from ebpftrace.golang.buildinfo import GoProgram
from ebpftrace.host.bounded import MOST_STUCK
from tests.support.elfs import program
from tests.support.patience import patient
from tests.support.process_state import until

TEXT = "path\texample.com/tool\nmod\texample.com\tv1.2.3\th1:x=\n"
LONG = patient(30.0)


@pytest.fixture
def go_file(tmp_path: Path) -> Path:
    file = tmp_path / "tool"
    file.write_bytes(program("go1.22", TEXT))
    return file


@pytest.fixture
def reader() -> Iterator[ProgramReader]:
    """It never takes its child for stuck, and waits long."""
    made = ProgramReader(lambda _pid: False, LONG)
    yield made
    made.close()


def child_of(reader: ProgramReader) -> int:
    assert reader._child is not None
    return reader._child.pid


def test_go_programs_and_versions_are_those_of_the_file(
    reader: ProgramReader, go_file: Path
) -> None:
    assert reader.program(1, go_file) == GoProgram("example.com/tool")
    assert reader.version(1, go_file) == "v1.2.3"
    assert reader.program(1, Path("/bin/true")) is None
    assert reader.version(1, Path("/no/such/file")) == ""
    assert reader.timeouts == 0


def test_path_of_any_bytes_can_be_asked_for(reader: ProgramReader, tmp_path: Path) -> None:
    file = tmp_path / "a\nb\udcff\x1b"
    file.write_bytes(program("go1.22", TEXT))
    assert reader.version(1, file) == "v1.2.3"


def test_child_has_no_descriptor_but_its_socket(reader: ProgramReader, go_file: Path) -> None:
    ours, theirs = os.pipe()
    reader.version(1, go_file)
    opened = {fd.readlink() for fd in Path(f"/proc/{child_of(reader)}/fd").iterdir()}
    os.close(ours)
    os.close(theirs)
    assert {str(target).partition(":")[0] for target in opened} == {"socket", "/dev/null"}


def test_child_that_hangs_is_left_behind_and_another_asked(
    reader: ProgramReader, go_file: Path
) -> None:
    assert reader.version(1, go_file) == "v1.2.3"
    stuck = child_of(reader)
    os.kill(stuck, signal.SIGSTOP)
    try:
        reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
        assert reader.version(1, go_file) == ""
        assert reader.timeouts == 1
        reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
        assert reader.version(1, go_file) == "", "not asked again about the same"
        assert reader.timeouts == 2
        assert reader.version(2, go_file) == "v1.2.3"
        assert child_of(reader) != stuck
    finally:
        os.kill(stuck, signal.SIGCONT)
    until(lambda: not reader._stuck or reader._stuck[0][1].has_ended())
    assert reader.version(1, go_file) == "v1.2.3"


def test_no_more_children_than_so_many_are_left_behind(
    reader: ProgramReader, go_file: Path
) -> None:
    stopped = []
    try:
        for about in range(MOST_STUCK):
            reader._is_stuck, reader._patience_seconds = lambda _pid: False, LONG
            assert reader.version("other", go_file) == "v1.2.3"
            stopped.append(child_of(reader))
            os.kill(stopped[-1], signal.SIGSTOP)
            reader._is_stuck, reader._patience_seconds = lambda _pid: True, 0.001
            assert reader.version(about, go_file) == ""
        assert reader.version("other", go_file) == ""
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
    assert reader.version(1, go_file) == "v1.2.3"
    reader.close()


def test_child_that_was_killed_is_replaced(reader: ProgramReader, go_file: Path) -> None:
    assert reader.version(1, go_file) == "v1.2.3"
    os.kill(child_of(reader), signal.SIGKILL)
    assert reader.version(1, go_file) == "v1.2.3"
    assert reader.timeouts == 0


def test_idle_child_ends_and_is_started_again(go_file: Path) -> None:
    reader = ProgramReader(lambda _pid: False, LONG, idle_seconds=0.01)
    assert reader.version(1, go_file) == "v1.2.3"
    idle = child_of(reader)
    until(lambda: Path(f"/proc/{idle}/stat").read_bytes().rpartition(b") ")[2][:1] == b"Z")
    assert reader.version(1, go_file) == "v1.2.3"
    reader.close()


def test_python_that_is_not_there_is_no_answer(
    go_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    reader = ProgramReader(lambda _pid: False, LONG)
    assert reader.version(1, go_file) == ""
    assert reader.timeouts == 1
