"""The fuse's odd cases with a whole watch: what is reported, and what stays stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ebpftrace.act.actions.freeze import Freezer
from tests.support.acting import SECONDS, is_step, is_type, of_type, watching
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.fuses import COMM, freezer
from tests.support.process_state import state, stops, until
from tests.support.records import Watch
from tests.support.sessions import end_session, session_mark
from tests.support.tracer import Tracer
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20


@pytest.fixture
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        made.limit(400 * MIB)
        yield made


def fused(folder: Path, *lines: str) -> Watch:
    """A watch with one policy, which saves no evidence."""
    file = folder / "policy.toml"
    head = ["[[policy]]", 'name = "odd"', f'match.comm = "{COMM}"', "capture = false"]
    file.write_text("\n".join([*head, *lines]) + "\n")
    return watching(folder, "--config", str(file), comm=COMM)


def wait_for_event(watch: Watch, pid: int, event: str) -> list[str]:
    """The fuse's events of this process, once this one is there."""
    watch.wait_for(
        lambda record: (
            record["type"] == "fuse" and (record["event"], record["pid"]) == (event, pid)
        ),
        SECONDS,
    )
    return events(watch, pid)


def events(watch: Watch, pid: int) -> list[str]:
    """The fuse's events of this process, by kind."""
    return [it["event"] for it in of_type(watch, "fuse") if it["pid"] == pid]


@pytest.mark.parametrize("to", [COMM, "other"], ids=["watched", "not-watched"])
def test_stopped_within_exec(tmp_path: Path, group: MemoryCgroup, to: str) -> None:
    """The new program is a target if it is watched, and is resumed if not."""
    with (
        fused(tmp_path, 'fuse = { bound = "100MiB", of = "charge" }') as watch,
        Workload(COMM, cgroup=group) as workload,
        Workload("stranger", cgroup=group) as stranger,
    ):
        workload.do("shmem 4KiB")
        workload.do("touch 0")
        stranger.do("map 110MiB")
        stranger.do("touch 0")
        assert not events(watch, workload.pid)
        workload.send(f"execat 0 {workload.named(to)}")
        if to == "other":
            with suppress(EOFError):
                workload.answer()
                assert workload.do("map 1MiB")
                return
            # The ladder may end it before exec replaces the program.
        assert workload.wait() == -signal.SIGKILL
        assert wait_for_event(watch, workload.pid, "ended") == ["stopped", "ended"]


@contextmanager
def freezing(group: MemoryCgroup) -> Iterator[Freezer]:
    """The freezer of this cgroup on v2; on v1 a freezer cgroup of its own."""
    if group.version == 2:
        yield Freezer(group.path / "cgroup.freeze", "1", "0", group.path / "cgroup.events")
        return
    with freezer() as ice:
        yield ice


@pytest.mark.parametrize("then", ["kill", "thaw"])
def test_process_frozen_by_the_ladder_stays_stopped_until_its_end(
    tmp_path: Path, group: MemoryCgroup, then: str
) -> None:
    ladder = 'then = [{ action = "freeze" }, { action = "shell", line = "sleep 1" }]'
    fuse = f'fuse = {{ bound = "100MiB", then = "{then}" }}'
    with (
        freezing(group) as ice,
        fused(tmp_path, fuse, ladder) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        write(ice.file.parent / "cgroup.procs", workload.pid)
        workload.do("map 101MiB")
        workload.send("touch 0")
        step = watch.wait_for(is_step("freeze"), SECONDS)
        assert step["status"] == "done"
        watch.wait_for(is_step("shell"), SECONDS)
        assert events(watch, workload.pid) == ["stopped"]
        if then == "kill":
            assert workload.wait() == -signal.SIGKILL
        else:
            workload.answer()
        watch.wait_for(is_type("outcome"), SECONDS)
        assert ice.file.read_text().strip() == ice.thawed


def test_process_under_a_debugger_is_ended_all_the_same(
    tmp_path: Path, group: MemoryCgroup
) -> None:
    """The debugger never reacts to the stop."""
    with (
        fused(tmp_path, 'fuse = "50%"') as watch,
        Workload(COMM, cgroup=group) as workload,
        Tracer(workload.pid),
    ):
        workload.do("map 300MiB")
        workload.send("touch 0")
        assert wait_for_event(watch, workload.pid, "ended") == ["stopped", "ended"]


def test_process_moved_to_another_cgroup_while_stopped_is_resumed(
    tmp_path: Path, group: MemoryCgroup
) -> None:
    """The decision was about a process of the first cgroup."""
    hook = f"touch {tmp_path}/began; while ! [ -e {tmp_path}/go ]; do sleep 0.02; done"
    ladder = f'then = [{{ action = "shell", line = "{hook}", timeout = "5m" }}]'
    with (
        memory_cgroup() as elsewhere,
        fused(tmp_path, 'fuse = "50%"', ladder) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        workload.do("map 250MiB")
        workload.send("touch 0")
        assert stops(workload.pid)
        until((tmp_path / "began").exists)  # the decision is made
        elsewhere.add(workload.pid)
        (tmp_path / "go").touch()
        workload.answer()
        assert wait_for_event(watch, workload.pid, "thawed") == ["stopped", "thawed"]


WITHOUT_ITS_FIRST_THREAD = """
import ctypes, platform, sys, threading
open("/proc/self/comm", "w").write(sys.argv[1])
def grow():
    sys.stdin.readline()
    taken = [b"1" * (1 << 20) for _ in range(300)]
    sys.stdin.readline()
threading.Thread(target=grow).start()
exit_of_this_thread = {"x86_64": 60}.get(platform.machine(), 93)
ctypes.CDLL(None).syscall(exit_of_this_thread, 0)
"""


def test_process_whose_first_thread_has_ended_is_ended_too(
    tmp_path: Path, group: MemoryCgroup
) -> None:
    """Its state is Z, and yet it takes memory."""
    with fused(tmp_path, 'fuse = "50%"') as watch:
        command = [sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD, COMM]
        process = group.run(command, stdin=subprocess.PIPE, bufsize=0)
        try:
            until(lambda: state(process.pid) == "Z")
            assert process.stdin is not None
            process.stdin.write(b"\n")
            assert process.wait(SECONDS) == -signal.SIGKILL
            assert wait_for_event(watch, process.pid, "ended") == ["stopped", "ended"]
        finally:
            process.kill()
            process.communicate()


def test_child_with_another_name_is_stopped_with_children(
    tmp_path: Path, group: MemoryCgroup
) -> None:
    with (
        watching(tmp_path, "--children", "--fuse", "50%", comm=COMM) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        child = int(workload.do(f"spawn {workload.named('other')}; map 300MiB; touch 0")[0])
        ended = watch.wait_for(is_step("signal"), SECONDS)
        assert (ended["pid"], ended["comm"]) == (child, "other")
        assert workload.do("reap") == [str(child), str(signal.SIGKILL.value)]


def test_copies_on_write_do_not_reach_a_fuse(tmp_path: Path, group: MemoryCgroup) -> None:
    """A page that replaces a parent's is no new page for the kernel's counters."""
    with (
        watching(tmp_path, "--fuse", "75%", comm=COMM) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        workload.do("map 100MiB")
        workload.do("touch 0")
        for _ in range(4):
            workload.send("fork; touch 0")
        watch.wait_for(is_type("oom_kill"), SECONDS)
        assert not of_type(watch, "fuse")


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_signal_of_the_ladder_is_handled(
    tmp_path: Path, group: MemoryCgroup, name: str
) -> None:
    """The process is resumed once the signal is sent, and ends before its next page."""
    ladder = f'then = [{{ action = "signal", send = ["{name}"] }}]'
    with (
        fused(tmp_path, 'fuse = "50%"', ladder) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        workload.do("map 300MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.Signals[f"SIG{name}"]
        assert wait_for_event(watch, workload.pid, "thawed") == ["stopped", "thawed"]


PARENT = """
import os, subprocess, sys, time
open("/proc/self/comm", "w").write(sys.argv[1])
taken = [b"1" * (100 << 20)]
child = subprocess.Popen(sys.argv[3:])
while not os.path.exists(sys.argv[2]) and len(taken) < 4000:
    taken.append(b"1" * (128 << 10))
    time.sleep(0.005)
taken.append(b"1" * (100 << 20))
open(sys.argv[2] + "-done", "w").close()
child.wait()
"""


@pytest.mark.parametrize("options", [(), ("--children",)])
def test_neither_the_watch_nor_its_parent_stays_stopped(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The default fuse applies to their name, and they were above the bound before."""
    mark, go, output = session_mark(), tmp_path / "go", tmp_path / "output"
    watch = ["--comm", COMM, "--fuse", "64MiB", "--audit", str(tmp_path / "log"), *options]
    command = [sys.executable, "-m", "ebpftrace", "watch", "--output", "jsonl", *watch]
    with output.open("wb") as out:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, COMM, str(go), *command],
            cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **mark},
            start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: output.read_text().count('"type":"snapshot"') > 2)
        go.touch()
        until((tmp_path / "go-done").exists)
        before = output.read_text().count('"type":"snapshot"')
        until(lambda: output.read_text().count('"type":"snapshot"') > before + 1)
        assert stops(parent.pid, "S")
    finally:
        end_session(parent, mark)
