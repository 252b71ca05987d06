"""Which processes are watched: by name, program, main package, cgroup, pid, descent."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.names import unique_comm
from tests.support.records import Record, Watch, process_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

FAST = ("--interval", "200ms")
SOURCE = """package main
import "os"
func main() { os.Stdout.Write([]byte("ready\\n")); os.Stdin.Read(make([]byte, 1)) }
"""


def pids(snapshot: Record) -> set[int]:
    return {process["pid"] for job in snapshot["jobs"] for process in job["processes"]}


def test_by_name_several_and_globs() -> None:
    one, two, other = unique_comm(), unique_comm(), unique_comm()
    with (
        Watch("--comm", one, "--comm", f"{two[:-1]}?", *FAST) as watch,
        Workload(one) as first,
        Workload(two) as second,
        Workload(other),
    ):
        assert pids(watch.next_snapshot()) == {first.pid, second.pid}


def test_by_pid_whatever_it_is_called() -> None:
    with (
        Workload(unique_comm()) as workload,
        Workload(unique_comm()),
        Watch("--pid", str(workload.pid), *FAST) as watch,
    ):
        workload.do("name renamed")
        snapshot = watch.next_snapshot()
        assert pids(snapshot) == {workload.pid}
        assert process_of(snapshot, workload.pid)["comm"] == "renamed"


def test_by_program_also_where_it_calls_itself_otherwise() -> None:
    comm = unique_comm()
    with Watch("--exe", f"*/{comm}", *FAST) as watch, Workload(comm) as workload:
        workload.do("name otherwise")
        assert pids(watch.next_snapshot()) == {workload.pid}
        program = process_of(watch.next_snapshot(), workload.pid)["program"]
        assert program == str(workload.program)


def test_by_cgroup_and_all_below_it_those_made_later_too() -> None:
    comm = unique_comm()
    with (
        memory_cgroup() as group,
        memory_cgroup() as other,
        Watch("--cgroup", group.name, *FAST) as watch,
        memory_cgroup(parent=group) as below,
        memory_cgroup(parent=group) as beside,
    ):
        # On v2 a cgroup with others below it has no processes of its own.
        upper = group if group.version == 1 else beside
        with (
            Workload(comm, cgroup=upper) as above,
            Workload(comm, cgroup=below) as under,
            Workload(comm, cgroup=other) as stranger,
        ):
            snapshot = watch.next_snapshot()
            assert pids(snapshot) == {above.pid, under.pid}
            assert {job["cgroup"] for job in snapshot["jobs"]} == {upper.name, below.name}
            upper.add(stranger.pid)
            assert stranger.pid in pids(watch.next_snapshot())


def test_by_cgroup_from_within_a_cgroup_namespace() -> None:
    """Named as /proc/PID/cgroup has it there: from the namespace's root, not the mount's."""
    comm = unique_comm()
    with memory_cgroup() as group:
        if group.version == 2:
            pytest.skip("on v2 a cgroup with processes of its own has no others below it")
        with (
            memory_cgroup(parent=group) as below,
            Workload(comm, cgroup=group),
            Workload(comm, cgroup=below) as meant,
        ):
            done = ebpftrace(
                *("watch", "--comm", comm, "--once", "--output", "jsonl"),
                *("--cgroup", f"/{below.path.name}"),
                before=group.inside(["unshare", "--cgroup"]),
            )
    assert done.returncode == 0, done.stderr
    _start, *_found, snapshot, _end = map(json.loads, done.stdout.splitlines())
    assert pids(snapshot) == {meant.pid}


def test_kinds_of_selector_must_agree() -> None:
    comm = unique_comm()
    with (
        memory_cgroup() as group,
        Watch("--cgroup", group.name, "--comm", comm, *FAST) as watch,
        Workload(comm, cgroup=group) as meant,
        Workload(unique_comm(), cgroup=group),
        Workload(comm),
    ):
        assert pids(watch.next_snapshot()) == {meant.pid}


def test_children_are_tracked_whatever_their_name() -> None:
    comm, child = unique_comm(), unique_comm()
    with Watch("--comm", comm, "--children", *FAST) as watch, Workload(comm) as workload:
        (pid,) = workload.do(f"spawn {workload.named(child)}")
        snapshot = watch.next_snapshot()
        assert pids(snapshot) == {workload.pid, int(pid)}
        assert process_of(snapshot, int(pid))["comm"] == child
        assert process_of(snapshot, int(pid))["parent_pid"] == workload.pid


@pytest.fixture
def go_program(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A main package of its own, built; its path and the program, under another name."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    path = f"example.org/tools/{unique_comm()}"
    (tmp_path / "main.go").write_text(SOURCE)
    (tmp_path / "go.mod").write_text(f"module {path}\n\ngo 1.19\n")
    program = tmp_path / "misnamed"
    subprocess.run(["go", "build", "-o", program, "."], cwd=tmp_path, check=True)
    yield path, program


def test_a_go_program_by_its_main_package(go_program: tuple[str, Path]) -> None:
    path, program = go_program
    with (
        Watch("--go-main", path, *FAST) as watch,
        subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert pids(watch.next_snapshot()) == {process.pid}
        process.communicate(b"\n")
