"""What a job chose is looked at within a bound, and no turn of the loop reads all processes.

A file system that a job chose may never answer, so the engine's thread may not look at its
files itself: see tests/support/file_calls.py. On a node with 20,000 processes, a list of
/proc takes tens of milliseconds, and a look at each of them half a second.
"""

import os
from collections.abc import Hashable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy.reader import default_step
from ebpftrace.act.process.cache_dirs import CacheDirs, cache_dirs_of
from ebpftrace.engine.programs.reader import AskLaterError, ProgramReader
from ebpftrace.events import ProcessKey
from ebpftrace.golang.buildinfo import GoProgram
from ebpftrace.host import children
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import Selection
from ebpftrace.units import NS_PER_SECOND
from tests.support.blocking import BlockingGuard
from tests.support.blocking_rig import acting, resting
from tests.support.incidents import key_of, sleeping
from tests.support.scripted_entries import ScriptedEntries
from tests.support.scripted_watch import NO_SUCH_PID, ScriptedWatch, fake_key

PROCESSES = 20_000


@pytest.fixture
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is not ours."""
    return tmp_path_factory.mktemp("job")


@pytest.fixture
def worker(job: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessKey]:
    """A process of the job that names the job's folder."""
    for name in ("GOCACHE", "GOPLSCACHE"):
        monkeypatch.setenv(name, str(job))
    with sleeping(job) as pid:
        yield key_of(pid)


def test_folders_that_a_job_names_are_not_looked_at_on_the_engines_thread(
    tmp_path: Path,
    guard: BlockingGuard,
    job: Path,
    worker: ProcessKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[CacheDirs] = []

    def look(pid: int) -> CacheDirs:
        found.append(cache_dirs_of(pid))
        return found[-1]

    monkeypatch.setattr("ebpftrace.act.breaker.create_incident.cache_dirs_of", look)
    clean = default_step("clean", ACTIONS, under=(job,))
    acting(tmp_path, guard, worker, clean).run()
    assert [folder.path for dirs in found for folder in dirs.folders] == [str(job)] * 2
    assert guard.waits == []


def test_program_of_a_job_is_not_looked_at_on_the_engines_thread(
    tmp_path: Path, guard: BlockingGuard, worker: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def program(
        reader: ProgramReader, pid: int, about: Hashable, path: Path
    ) -> GoProgram | None:
        read.append(path)
        return original(reader, pid, about, path)

    original = ProgramReader.program
    monkeypatch.setattr(ProgramReader, "program", program)
    scripted = resting(ScriptedWatch(tmp_path, Selection(go_mains=("example.com/*",))), guard)
    scripted.at(1.5, lambda: scripted.start(worker))
    scripted.run()
    assert read[:1] == [Path(f"/proc/{worker.pid}/exe")]
    assert guard.waits == []


def test_program_that_cannot_be_read_when_it_starts_is_found_at_the_next_reading(
    tmp_path: Path, guard: BlockingGuard, worker: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def program(_reader: ProgramReader, pid: int, *_about: object) -> GoProgram | None:
        asked.append(pid)
        if len(asked) == 1:
            raise AskLaterError
        return GoProgram("example.com/tool")

    monkeypatch.setattr(ProgramReader, "program", program)
    scripted = resting(ScriptedWatch(tmp_path, Selection(go_mains=("example.com/*",))), guard)
    scripted.at(1.5, lambda: scripted.start(worker))
    view = scripted.run()
    assert asked == [worker.pid] * 2
    last = view.all(Snapshot)[-1]
    assert [process.key for job in last.jobs for process in job.processes] == [worker]
    assert "unidentified" not in last.losses


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of /proc has 20,000 processes more, which have just ended."""
    listdir, scandir = os.listdir, os.scandir
    pids = [str(NO_SUCH_PID + 1000 + number) for number in range(PROCESSES)]

    def list_folder(path: Any = ".") -> Any:
        return listdir(path) + (pids if str(path) == "/proc" else [])

    def scan_folder(path: Any = ".") -> Any:
        return ScriptedEntries(pids) if str(path) == "/proc" else scandir(path)

    monkeypatch.setattr(os, "listdir", list_folder)
    monkeypatch.setattr(os, "scandir", scan_folder)


@pytest.mark.usefixtures("crowd")
def test_no_turn_reads_all_of_20000_processes(
    tmp_path: Path, guard: BlockingGuard, worker: ProcessKey
) -> None:
    notify = default_step("notify", ACTIONS)
    scripted = acting(tmp_path, guard, worker, notify)
    for number in range(50):
        scripted.at(0.5, partial(scripted.start, fake_key(number), parent=worker.pid))
        scripted.at(2.5, partial(scripted.exit, fake_key(number)))
    view = scripted.run(duration_ns=4 * NS_PER_SECOND)
    assert guard.waits == []
    assert guard.most_entries < PROCESSES // 20
    assert any(len(job.processes) > 50 for shot in view.all(Snapshot) for job in shot.jobs)


@pytest.mark.usefixtures("crowd")
def test_look_at_all_processes_would_be_noticed(tmp_path: Path) -> None:
    guard = BlockingGuard(tmp_path)
    with guard.watching():
        children._scanned(Path("/proc"))
    assert [line.partition(":")[0].endswith("entries") for line in guard.waits] == [True]
    assert guard.most_entries >= PROCESSES
