"""The actions, on real processes in cgroups of their own."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.actions import STARTS, capture, execute, shell
from ebpftrace.act.actions import signal as ending
from ebpftrace.act.evidence import Part, parts_of
from ebpftrace.act.guard import Target, identify
from ebpftrace.act.incident import Incident
from ebpftrace.act.kin import family_of
from ebpftrace.act.outcome import Status
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.units import KIB, NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.incidents import about, act, drive, incident, key_of
from tests.support.workload import Workload

SHORT = ending.Options(grace_ns=NS_PER_SECOND)


@pytest.fixture(scope="module")
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        yield made


@pytest.fixture
def victim(group: MemoryCgroup) -> Iterator[Workload]:
    with Workload("gopls", cgroup=group) as made:
        yield made


def lives(pid: int) -> bool:
    stat = proc.read_stat(pid)
    return stat is not None and stat.state not in "ZX"


class TestSignal:
    def test_ends_the_process_with_the_first_signal(self, victim: Workload) -> None:
        ended = act("signal", about(victim.pid), SHORT)
        assert ended.status is Status.DONE
        assert ended.detail.startswith(f"gopls {victim.pid} ended by TERM after ")
        assert victim.wait() == -signal.SIGTERM

    def test_goes_on_to_the_next_signal_after_the_grace(self, group: MemoryCgroup) -> None:
        stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
        with group.run(stubborn, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            options = ending.Options(grace_ns=NS_PER_SECOND // 5, orphans="all")
            ended = act("signal", about(process.pid), options)
            assert ended.status is Status.DONE
            assert "ended by KILL" in ended.detail
            assert process.wait(10) == -signal.SIGKILL

    def test_says_so_when_the_process_lives_on(self, victim: Workload) -> None:
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            options = ending.Options(send=("USR1",), grace_ns=NS_PER_SECOND // 10)
            while proc.read_comm(sleeper.pid) != "sleep":
                time.sleep(0.001)  # exec sets the name last
            os.kill(sleeper.pid, signal.SIGSTOP)  # a stopped process takes no signal
            try:
                ended = act("signal", about(sleeper.pid), options)
            finally:
                sleeper.kill()
        assert ended.status is Status.FAILED
        assert ended.detail == f"sleep {sleeper.pid} lives on after USR1"

    def test_orphaned_go_children_end_with_it(self, group: MemoryCgroup) -> None:
        with Workload("gopls", cgroup=group) as gopls:
            (go,) = map(int, gopls.do(f"spawn {gopls.named('go')}"))
            (other,) = map(int, gopls.do(f"spawn {gopls.named('helper')}"))
            ended = act("signal", about(gopls.pid), SHORT)
            assert ended.status is Status.DONE
            assert ended.detail.endswith("with 1 child of it")
            assert not lives(go)
            assert lives(other)

    def test_children_of_one_that_has_its_pid_by_now_are_not_its_own(
        self, group: MemoryCgroup
    ) -> None:
        with Workload("gopls", cgroup=group) as other:
            (go,) = map(int, other.do(f"spawn {other.named('go')}"))
            now = key_of(other.pid)
            earlier = ProcessKey(other.pid, now.start_boottime_ns - NS_PER_SECOND)
            assert [one.key.pid for one in family_of(now)] == [go]
            assert family_of(earlier) == ()

    def test_a_child_in_another_cgroup_is_left_alone(self, group: MemoryCgroup) -> None:
        with memory_cgroup() as elsewhere, Workload("gopls", cgroup=group) as gopls:
            (go,) = map(int, gopls.do(f"spawn {gopls.named('go')}"))
            elsewhere.add(go)
            assert act("signal", about(gopls.pid), SHORT).status is Status.DONE
            assert lives(go)

    def test_a_go_program_says_where_its_goroutines_are_dumped(
        self, group: MemoryCgroup, tmp_path: Path
    ) -> None:
        if shutil.which("go") is None:
            pytest.skip("go is not installed here")
        source = tmp_path / "main.go"
        source.write_text(
            'package main\nimport ("fmt"; "time")\n'
            'func main() { fmt.Println("ready"); time.Sleep(time.Hour) }\n'
        )
        program = tmp_path / "gopls"
        subprocess.run(["go", "build", "-o", program, source], check=True, cwd=tmp_path)
        dump = tmp_path / "stderr.txt"
        with dump.open("wb") as stderr:
            process = group.run([program], stdout=subprocess.PIPE, stderr=stderr)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            options = ending.Options(send=("QUIT", "KILL"), grace_ns=5 * NS_PER_SECOND)
            ended = act("signal", about(process.pid), options)
        assert ended.status is Status.DONE
        assert ended.detail.endswith(f"goroutine dump: in {dump}")
        assert "ended by QUIT" in ended.detail
        assert b"\ngoroutine 1 " in dump.read_bytes()


class TestNeverSignalled:
    """Every wrong kill: the action says why, and nobody is hit."""

    def refused(self, target: Target, comm: str = "gopls") -> str:
        ended = act("signal", incident(target, comm), SHORT)
        assert ended.status is Status.SKIPPED
        return ended.detail

    def test_another_process_that_has_the_pid_now(self, victim: Workload) -> None:
        now = identify(key_of(victim.pid))
        earlier = ProcessKey(victim.pid, now.key.start_boottime_ns - NS_PER_SECOND)
        detail = self.refused(Target(earlier, now.cgroup, now.program))
        assert "its pid is another process's now" in detail
        assert lives(victim.pid)

    def test_a_pid_that_was_really_used_again(self, group: MemoryCgroup) -> None:
        last = Path("/proc/sys/kernel/ns_last_pid")
        with Workload("gopls", cgroup=group) as first:
            target = identify(key_of(first.pid))
            first.close_input()
        time.sleep(0.03)  # /proc shows the start in steps of 10 ms
        for _ in range(200):
            last.write_text(str(target.key.pid - 1))
            process = subprocess.Popen(["sleep", "60"])
            if process.pid == target.key.pid:
                break
            process.kill()
            process.wait()
        else:
            pytest.skip("another process is always quicker to take the pid")
        try:
            assert "another process's now" in self.refused(target)
            assert lives(process.pid)
        finally:
            process.kill()
            process.wait()

    def test_one_that_has_ended(self, group: MemoryCgroup) -> None:
        with Workload("gopls", cgroup=group) as workload:
            target = identify(key_of(workload.pid))
            workload.close_input()
            assert self.refused(target) == f"not signalled: {workload.pid} has ended"

    def test_a_zombie(self, group: MemoryCgroup) -> None:
        process = group.run(["sleep", "60"])
        target = identify(key_of(process.pid))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert self.refused(target).endswith("has ended")
        process.wait()

    def test_one_that_moved_to_another_job(self, victim: Workload) -> None:
        target = identify(key_of(victim.pid))
        with memory_cgroup() as elsewhere:
            elsewhere.add(victim.pid)
            assert "moved to the cgroup" in self.refused(target)
            assert lives(victim.pid)

    def test_one_that_executed_another_program(self, victim: Workload) -> None:
        target = identify(key_of(victim.pid))
        victim.do(f"exec {victim.named('other')}")
        assert "runs another program now" in self.refused(target)
        assert lives(victim.pid)

    def test_init_the_kernel_ourselves_and_our_ancestors(self) -> None:
        for pid in (1, 2, os.getpid(), os.getppid()):
            stat = proc.read_stat(pid)
            if stat is None:
                continue  # no kernel threads in a pid namespace
            target = Target(ProcessKey(pid, stat.start_boottime_ns), "/", (0, 0))
            self.refused(target)

    def test_a_thread_of_the_kernel(self) -> None:
        threads = [
            stat
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and (stat := proc.read_stat(int(entry.name))) is not None
            and stat.parent_pid == 2
        ]
        if not threads:
            pytest.skip("this pid namespace shows no kernel threads")
        key = ProcessKey(threads[0].pid, threads[0].start_boottime_ns)
        assert "a thread of the kernel" in self.refused(Target(key, "/", (0, 0)))

    def test_the_crash_monitor_of_a_go_tool(self, tmp_path: Path) -> None:
        (tmp_path / "** telemetry **").write_text("read line\n")
        argv = ["gopls", "** telemetry **"]
        with subprocess.Popen(
            argv, executable="/bin/sh", cwd=tmp_path, stdin=subprocess.PIPE
        ) as monitor:
            while not proc.read_cmdline(monitor.pid):
                time.sleep(0.001)  # exec sets the arguments last
            detail = self.refused(Target(key_of(monitor.pid), "/", (0, 0)))
            assert lives(monitor.pid)
        assert "the crash monitor of a Go tool" in detail


class TestHooks:
    def test_facts_are_variables_and_json(self, tmp_path: Path) -> None:
        line = f"cat >{tmp_path}/facts; env >{tmp_path}/env; echo done $EBPFTRACE_COMM"
        ended = act("shell", incident(), shell.Options(line))
        assert ended.status is Status.DONE
        assert ended.detail == "exit code 0: done gopls"
        facts = json.loads((tmp_path / "facts").read_bytes())
        variables = (tmp_path / "env").read_text()
        assert facts["pid"] == 4711
        assert facts["job"] == "build-42"
        assert "EBPFTRACE_PID=4711\n" in variables
        assert f"EBPFTRACE_SENTENCE={facts['sentence']}\n" in variables

    def test_a_name_is_never_part_of_the_line(self, tmp_path: Path) -> None:
        hostile = incident(comm="$(touch evil)`touch evil`;touch evil")
        ended = act("shell", hostile, shell.Options(f'cd {tmp_path}; echo "$EBPFTRACE_COMM"'))
        assert ended.status is Status.DONE
        assert "$(touch evil)" in ended.detail
        assert not list(tmp_path.iterdir())

    def test_one_that_fails(self) -> None:
        ended = act("shell", incident(), shell.Options("echo no such unit >&2; exit 5"))
        assert ended.status is Status.FAILED
        assert ended.detail == "exit code 5: no such unit"

    def test_one_that_is_killed(self) -> None:
        ended = act("shell", incident(), shell.Options("kill -KILL $$"))
        assert ended.status is Status.FAILED
        assert ended.detail == "ended by SIGKILL"

    def test_one_that_is_not_there(self) -> None:
        ended = act("exec", incident(), execute.Options(("/nowhere/hook", "--now")))
        assert ended.status is Status.FAILED
        assert ended.detail == "/nowhere/hook: No such file or directory"

    def test_one_that_may_not_be_executed(self, tmp_path: Path) -> None:
        hook = tmp_path / "hook"
        hook.write_text("#!/bin/sh\n")
        ended = act("exec", incident(), execute.Options((str(hook),)))
        assert ended.status is Status.FAILED
        assert "Permission denied" in ended.detail

    def test_one_that_hangs_is_killed_with_its_group(self, tmp_path: Path) -> None:
        line = f"sleep 300 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/own; wait"
        running = STARTS["shell"](incident(), shell.Options(line))
        while not (tmp_path / "own").exists() or not (tmp_path / "own").read_text():
            assert running.poll(time.monotonic_ns()) is None
            time.sleep(0.01)
        pids = [int((tmp_path / name).read_text()) for name in ("child", "own")]
        assert running.stop() == ""
        gone(pids)

    def test_one_that_forks_away_is_left_to_itself(self, tmp_path: Path) -> None:
        line = f"sleep 300 & echo $! >{tmp_path}/child; echo left"
        ended = act("shell", incident(), shell.Options(line))
        child = int((tmp_path / "child").read_text())
        try:
            assert ended.status is Status.DONE
            assert ended.detail == "exit code 0, something of it runs on: left"
            assert lives(child)
        finally:
            os.kill(child, signal.SIGKILL)

    def test_one_that_hangs_and_has_a_child_out_of_reach(self, tmp_path: Path) -> None:
        """A session of its own is no longer of the hook's group: it is told of, at least."""
        line = f"setsid sh -c 'echo $$ >{tmp_path}/child; exec sleep 300' & sleep 300"
        running = STARTS["shell"](incident(), shell.Options(line))
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            assert running.poll(time.monotonic_ns()) is None
            time.sleep(0.01)
        child = int((tmp_path / "child").read_text())
        try:
            assert running.stop() == "something of it runs on"
            assert lives(child)
        finally:
            os.kill(child, signal.SIGKILL)

    def test_one_that_hangs_and_floods_is_stopped_all_the_same(self) -> None:
        running = STARTS["shell"](incident(), shell.Options("exec yes"))
        for _ in range(3):
            assert running.poll(time.monotonic_ns()) is None
        assert running.stop() == ""

    def test_one_that_no_descriptor_is_left_for_does_not_run_unwatched(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(int(one.name) for one in Path("/proc/self/fd").iterdir()) + 1
        for room in range(10):
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + room, before[1]))
            try:
                running = STARTS["shell"](incident(), shell.Options(f"exec sleep 3{room}"))
            except OSError as error:
                assert error.errno == errno.EMFILE
            else:
                running.stop()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            children = subprocess.run(
                ["pgrep", "-P", str(os.getpid()), "sleep"], capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert children.stdout == ""

    def test_one_that_floods_its_output(self) -> None:
        line = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last"
        running = STARTS["shell"](incident(), shell.Options(line, output_bytes=10 * KIB))
        try:
            ended = drive(running)
        finally:
            running.stop()
        assert ended.status is Status.DONE
        assert len(ended.output) == 10 * KIB
        assert "of its output dropped" in ended.detail
        assert len(ended.detail) < 300

    def test_one_that_never_reads_and_closes_everything(self) -> None:
        ended = act("shell", incident(), shell.Options("exec <&- >&- 2>&-; sleep 0.1"))
        assert ended.status is Status.DONE
        assert ended.detail == "exit code 0"

    def test_its_output_cannot_move_a_terminal(self) -> None:
        ended = act("shell", incident(), shell.Options(r"printf '\033[2Jgone\n'"))
        assert ended.detail == "exit code 0: \\x1b[2Jgone"

    def test_no_descriptor_is_left_open(self) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for line in ("true", "sleep 1 & true", "exit 3"):
            act("shell", incident(), shell.Options(line))
        act("exec", incident(), execute.Options(("/nowhere",)))
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def gone(pids: list[int]) -> None:
    """They end, soon."""
    end = time.monotonic() + 10
    while any(map(lives, pids)):
        assert time.monotonic() < end, f"{pids} live on"
        time.sleep(0.01)


class TestCapture:
    def test_saves_what_there_is_of_a_real_process(
        self, victim: Workload, group: MemoryCgroup, tmp_path: Path
    ) -> None:
        victim.do("map 32MiB")
        told = about(victim.pid, group.path, curve=((1, 2, 3), (4, 5, 6)))
        ended = act("capture", told, capture.Options(tmp_path / "incidents"))
        assert ended.status is Status.DONE
        folder = tmp_path / "incidents" / told.id
        assert ended.evidence == folder
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert manifest["complete"]
        assert manifest["facts"]["pid"] == victim.pid
        assert [part for part in manifest["parts"] if part["error"]] == []
        names = {part["name"] for part in manifest["parts"]}
        assert names == {entry.name for entry in folder.iterdir()} - {"manifest.json"}
        assert {"process-smaps", "process-status", "process-limits", "children.json",
                "cgroup-memory.stat", "curve.csv", "finding.txt"} <= names  # fmt: skip
        assert b"Rss:" in (folder / "process-smaps").read_bytes()
        assert (folder / "curve.csv").read_text().endswith("\n1,2,3\n4,5,6\n")
        assert (folder.stat().st_mode & 0o777) == 0o700

    def test_every_file_is_on_the_disk_before_it_is_called_whole(
        self, victim: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: set[int] = set()
        sync, rename = os.fdatasync, Path.rename

        def noted(fd: int) -> None:
            synced.add(os.fstat(fd).st_ino)
            sync(fd)

        def renamed(folder: Path, whole: Path) -> Path:
            assert {file.stat().st_ino for file in folder.iterdir()} == synced
            return rename(folder, whole)

        monkeypatch.setattr(os, "fdatasync", noted)
        monkeypatch.setattr(Path, "rename", renamed)
        ended = act("capture", about(victim.pid), capture.Options(tmp_path))
        assert ended.status is Status.DONE, ended
        assert synced

    def test_a_process_that_ends_meanwhile_costs_only_its_parts(
        self, group: MemoryCgroup, tmp_path: Path
    ) -> None:
        with Workload("gopls", cgroup=group) as workload:
            told = about(workload.pid, group.path)
            workload.close_input()
        ended = act("capture", told, capture.Options(tmp_path))
        assert ended.status is Status.DONE
        parts = json.loads((tmp_path / told.id / "manifest.json").read_bytes())["parts"]
        errors = {part["name"]: part["error"] for part in parts if part["error"]}
        assert "has ended" in errors["process-status"]
        assert "cgroup-memory.stat" not in errors
        assert (tmp_path / told.id / "cgroup-memory.stat").stat().st_size

    def test_it_is_bounded_in_size(self, victim: Workload, tmp_path: Path) -> None:
        told = about(victim.pid)
        options = capture.Options(tmp_path, size_bytes=4 * KIB)
        assert act("capture", told, options).status is Status.DONE
        files = [entry for entry in (tmp_path / told.id).iterdir() if entry.suffix != ".json"]
        assert sum(file.stat().st_size for file in files) <= 4 * KIB
        parts = json.loads((tmp_path / told.id / "manifest.json").read_bytes())["parts"]
        assert any(part["cut"] for part in parts)

    def test_one_that_ends_in_the_middle_costs_only_the_rest_of_its_parts(
        self, group: MemoryCgroup, tmp_path: Path
    ) -> None:
        with Workload("gopls", cgroup=group) as workload:
            told = about(workload.pid, group.path)

            def parts(about: Incident) -> Iterator[Part]:
                for part in parts_of(about):
                    yield part
                    if part.name == "process-limits":
                        workload.close_input()

            capture.capture(told, capture.Options(tmp_path), threading.Event(), parts)
        manifest = json.loads((tmp_path / told.id / "manifest.json").read_bytes())
        assert manifest["complete"]
        errors = {part["name"]: part["error"] for part in manifest["parts"]}
        assert errors["process-status"] is errors["process-limits"] is None
        assert "has ended" in errors["process-smaps"]
        assert not (tmp_path / told.id / "process-smaps").exists()
        assert errors["cgroup-memory.stat"] is errors["children.json"] is None

    def test_only_so_many_are_kept_and_nothing_of_others_is_dropped(
        self, victim: Workload, tmp_path: Path
    ) -> None:
        (tmp_path / "somebody's").mkdir()
        (tmp_path / "away").symlink_to(tmp_path / "somebody's")
        stale, young = tmp_path / ".a.partial", tmp_path / ".b.partial"
        for left in (stale, young):
            left.mkdir()
        os.utime(stale, (1, 1))
        ids = [f"20261123T12000{second}Z-4711-aaaaaa" for second in range(5)]
        for one in ids:
            options = capture.Options(tmp_path, keep=2)
            assert act("capture", about(victim.pid, id=one), options).status is Status.DONE
        left_over = {"somebody's", "away", young.name, *ids[-2:]}
        assert {entry.name for entry in tmp_path.iterdir()} == left_over

    def test_the_newest_is_kept_after_the_clock_was_set_back(
        self, victim: Workload, tmp_path: Path
    ) -> None:
        for year in (2031, 2032, 2026):
            told = about(victim.pid, id=f"{year}1123T120000Z-4711-aaaaaa")
            ended = act("capture", told, capture.Options(tmp_path, keep=2))
            assert ended.evidence is not None
            assert (ended.evidence / "manifest.json").exists()
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_folder_that_cannot_be_written_is_a_failure(
        self, victim: Workload, tmp_path: Path
    ) -> None:
        """Read-only even to root: what permissions are to others."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], check=True)
        try:
            ended = act("capture", about(victim.pid), capture.Options(tmp_path))
        finally:
            subprocess.run(["umount", tmp_path], check=True)
        assert ended.status is Status.FAILED
        assert ended.detail.endswith("Read-only file system")

    def test_a_folder_that_cannot_be_made_is_a_failure(self, victim: Workload) -> None:
        options = capture.Options(Path("/proc/ebpftrace"))
        ended = act("capture", about(victim.pid), options)
        assert ended.status is Status.FAILED
        assert "/proc/ebpftrace" in ended.detail

    def test_cancelled_it_is_whole_but_says_it_is_not_complete(
        self, victim: Workload, tmp_path: Path
    ) -> None:
        cancelled = threading.Event()
        cancelled.set()
        told = about(victim.pid)
        capture.capture(told, capture.Options(tmp_path), cancelled)
        manifest = json.loads((tmp_path / told.id / "manifest.json").read_bytes())
        assert manifest["complete"] is False
        assert manifest["parts"] == []


def test_a_gone_process_is_no_incident(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        key = key_of(workload.pid)
        workload.close_input()
    with pytest.raises(GoneError, match="has ended"):
        identify(key)
