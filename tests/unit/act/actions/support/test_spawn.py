"""How a program is started: its priority, descriptors and signals, and where it is found."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ebpftrace.act.actions.support import spawn as module
from ebpftrace.act.actions.support.spawn import Child, spawn

ENVIRON = {"PATH": os.environ["PATH"]}
REAL_TIME = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


class Started:
    """A program whose stdin is a pipe, which it may wait for, and its output."""

    def __init__(self, argv: Sequence[str], environ: dict[str, str]) -> None:
        stdin, self.writer = os.pipe()
        self.reader, output = os.pipe()
        try:
            self.child = spawn(argv, environ, stdin=stdin, output=output)
        finally:
            os.close(stdin)
            os.close(output)

    def output(self) -> str:
        """All that it writes, with its stdin closed."""
        os.close(self.writer)
        with os.fdopen(self.reader) as reader:
            text = reader.read()
        self.child.wait()
        return text


def output_of(line: str) -> str:
    return Started(("/bin/sh", "-c", line), ENVIRON).output()


@pytest.fixture
def real_time() -> Iterator[None]:
    try:
        os.sched_setscheduler(0, REAL_TIME, os.sched_param(1))
    except OSError as error:
        pytest.skip(f"no real-time thread is allowed here: {error}")
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def policy() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


@pytest.mark.usefixtures("real_time")
def test_program_and_what_it_starts_are_ordinary_and_the_starter_is_as_before() -> None:
    line = "read line; cut -d' ' -f41 /proc/$$/stat /proc/self/stat"
    started = Started(("/bin/sh", "-c", line), ENVIRON)
    assert os.sched_getscheduler(started.child.pid) == os.SCHED_OTHER
    assert started.output() == "0\n0\n"
    assert policy() == (REAL_TIME, 1)


@pytest.mark.usefixtures("real_time")
def test_child_is_a_real_time_process_until_the_program_has_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def look(_seconds: float) -> None:
        seen.extend(os.sched_getscheduler(pid) for pid in children_here())

    monkeypatch.setattr("ebpftrace.act.actions.support.spawn.time.sleep", look)
    started = Started(("/bin/sh", "-c", "read line"), ENVIRON)
    assert seen == [REAL_TIME]
    started.output()


def children_here() -> list[int]:
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(
        encoding="utf-8"
    )
    return [int(pid) for pid in children.split()]


@pytest.mark.usefixtures("real_time")
def test_starter_is_as_before_where_nothing_can_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        Started(("/nowhere/hook",), ENVIRON)
    assert policy() == (REAL_TIME, 1)


def test_ordinary_thread_starts_an_ordinary_process() -> None:
    assert output_of("cut -d' ' -f41 /proc/self/stat") == "0\n"
    assert policy() == (os.SCHED_OTHER, 0)


@pytest.mark.parametrize("number", [module._CLOSE_RANGE, 0xFFFF], ids=["close_range", "5.10"])
def test_program_gets_no_other_descriptors(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(module, "_CLOSE_RANGE", number)
    given = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(given, True)
    try:
        assert output_of(f"[ -e /proc/$$/fd/{given} ] || echo none") == "none\n"
    finally:
        os.close(given)


def test_program_leads_a_session_and_ignores_no_signal_that_python_ignores() -> None:
    pid, session = output_of("cut -d' ' -f1,6 /proc/$$/stat").split()
    assert pid == session
    ignored = int(output_of("exec grep SigIgn /proc/self/status").split()[1], 16)
    assert not ignored & (1 << 12 | 1 << 24)  # SIGPIPE, SIGXFSZ


def test_program_is_found_in_the_path_of_its_environment(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("none", "file", "data", "real")]
    for folder in folders[2:]:
        folder.mkdir()
        (folder / "hook").write_text(f"#!/bin/sh\necho {folder.name}\n")
    folders[1].write_text("no folder")
    (folders[3] / "hook").chmod(0o755)
    path = ":".join(map(str, folders))
    assert Started(("hook",), {"PATH": path}).output() == "real\n"
    with pytest.raises(PermissionError):
        Started(("hook",), {"PATH": str(folders[2])})
    with pytest.raises(FileNotFoundError):
        Started(("hook",), {"PATH": str(folders[0])})


def test_end_is_as_subprocess_has_it() -> None:
    for line, code in (("exit 5", 5), ("kill -KILL $$", -9)):
        started = Started(("/bin/sh", "-c", line), ENVIRON)
        started.output()
        assert (started.child.returncode, started.child.wait()) == (code, code)
    gone = Child(started.child.pid)
    assert gone.wait() == 0  # reaped already, as where SIGCHLD is ignored
