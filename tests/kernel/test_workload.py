"""The test process itself: what it says it does is what the kernel's own counters show.

Everything the other kernel tests claim rests on this.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.disks import sparse_file
from tests.support.names import COMM
from tests.support.workload import PAGE, Workload, smaps_rollup, status

MIB = 1 << 20


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(COMM) as started:
        yield started


@pytest.fixture
def disk_file() -> Iterator[Path]:
    with sparse_file(8 * MIB) as file:
        yield file


@pytest.mark.parametrize(
    ("commands", "virtual", "anon", "file", "shmem"),
    [
        (["map 100MiB"], 100, 0, 0, 0),
        (["map 100MiB", "touch 0"], 100, 100, 0, 0),
        (["map 64MiB 0xc000000000", "touch 0"], 64, 64, 0, 0),
        (["map 100MiB", "touch 0 10MiB 20MiB"], 100, 20, 0, 0),
        (["map 100MiB", "touch 0", "remap 0 150MiB"], 150, 100, 0, 0),
        (["map 100MiB", "touch 0", "remap 0 60MiB"], 60, 60, 0, 0),
        (["map 100MiB", "touch 0", "unmap 0 10MiB 30MiB"], 70, 70, 0, 0),
        (["map 100MiB", "touch 0", "fixed 0 0 64MiB"], 100, 36, 0, 0),
        (["map 100MiB", "touch 0", "dontneed 0 0 25MiB"], 100, 75, 0, 0),
        (["brk +7MiB"], 7, 7, 0, 0),
        (["brk +7MiB", "brk -5MiB"], 2, 2, 0, 0),
        (["shmem 16MiB", "touch 0"], 16, 0, 0, 16),
        (["mapfile {file} 8MiB shared", "look 0"], 8, 0, 8, 0),
        (["mapfile {file} 8MiB shared", "touch 0"], 8, 0, 8, 0),
        (["mapfile {file} 8MiB private", "look 0", "touch 0 0 3MiB"], 8, 3, 5, 0),
        (["threads 4 1MiB"], 4, 4, 0, 0),
        (["churn 20 1MiB"], 0, 0, 0, 0),
        (["grow 1GiB 12MiB"], 12, 12, 0, 0),
    ],
)
def test_memory_changes_by_exactly_the_requested_amount(
    workload: Workload,
    disk_file: Path,
    commands: list[str],
    virtual: int,
    anon: int,
    file: int,
    shmem: int,
) -> None:
    virtual_before, before = workload.statm()["virtual"], workload.smaps_rollup()
    for command in commands:
        workload.do(command.format(file=disk_file))
    assert workload.statm()["virtual"] - virtual_before == virtual * MIB
    # A walk of the pages: the counters in /proc/PID/status may lag by 64 page faults of
    # each thread (up to kernel 6.1), or by a batch of each CPU (since). No page of this
    # process is shared with another but the vDSO's: its share of that moves with the number
    # of all processes.
    after = workload.smaps_rollup()
    gained = {name: after[name] - before[name] for name in after}
    # Reading the clock for the first time may map a page of the vDSO's (seen on 7.2).
    assert gained["Rss"] - (anon + file + shmem) * MIB in (0, PAGE)
    assert gained["Pss_Anon"] == anon * MIB
    assert abs(gained["Pss_File"] - file * MIB) < PAGE
    assert gained["Pss_Shmem"] == shmem * MIB


def test_hint_address_is_used(workload: Workload) -> None:
    assert workload.do("map 4MiB 0xc000000000") == ["0", "0xc000000000"]


def test_stack_grows_once(workload: Workload) -> None:
    before = workload.status()["VmStk"]
    workload.do("stack 2MiB")
    grown = workload.status()["VmStk"]
    assert 2 * MIB <= grown - before + 256 * 1024 <= 2 * MIB + 512 * 1024
    workload.do("stack 2MiB")
    assert workload.status()["VmStk"] == grown


def test_forked_child_shares_until_it_writes(workload: Workload) -> None:
    workload.do("map 10MiB")
    workload.do("touch 0")
    (child,) = workload.do("fork; touch 0 0 4MiB; map 1MiB; touch 1")
    rollup = smaps_rollup(int(child))
    own = rollup["Private_Dirty"]
    shared = smaps_rollup(workload.pid)["Shared_Dirty"]
    assert own >= 5 * MIB
    assert own < 6 * MIB
    assert 6 * MIB <= shared < 7 * MIB


def test_scripted_child_ends_by_its_script(workload: Workload) -> None:
    (child,) = workload.do("fork; exit 7")
    assert workload.do("reap") == [child, str(7 << 8)]


def test_failing_script_is_an_error(workload: Workload) -> None:
    (child,) = workload.do("fork; touch 99; exit 0")
    assert workload.do("reap") == [child, str(100 << 8)]


def test_child_executes_under_another_name_with_its_script(workload: Workload) -> None:
    tool = workload.named("go")
    (child,) = workload.do(f"fork; exec {tool}; map 1MiB; touch 0; exit 9")
    assert workload.do("reap") == [child, str(9 << 8)]
    (child,) = workload.do(f"spawn {tool}; sleep 60000")
    assert Path(f"/proc/{child}/comm").read_text(encoding="utf-8") == "go\n"


def test_workload_executes_itself_and_continues(workload: Workload) -> None:
    workload.do("map 10MiB")
    assert workload.do(f"exec {workload.named('renamed')}") == [str(workload.pid)]
    assert Path(f"/proc/{workload.pid}/comm").read_text(encoding="utf-8") == "renamed\n"
    with pytest.raises(OSError, match="EINVAL"):
        workload.do("touch 0")


def test_workload_names_itself_with_escape_sequences(workload: Workload) -> None:
    workload.do("name \\e[31m[red]\\sx")
    assert Path(f"/proc/{workload.pid}/comm").read_bytes() == b"\x1b[31m[red] x\n"


def test_many_short_processes_are_started(workload: Workload) -> None:
    pids = workload.do("burst 50 1000; map 1MiB; touch 0; sleep 5; exit 0")
    assert len(set(pids)) == 50
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_exit_status_is_the_requested_one(workload: Workload) -> None:
    workload.send(f"raise {int(signal.SIGABRT)}")
    assert workload.wait() == -signal.SIGABRT


def test_end_of_input_is_a_clean_exit(workload: Workload) -> None:
    assert workload.close_input() == 0


def test_children_end_with_the_test() -> None:
    with Workload() as workload:
        (child,) = workload.do("fork")
        (orphan,) = workload.do("fork; fork")
        workload.send("exit 0")
        workload.wait()
    for pid in (child, orphan):
        assert not has_memory(int(pid))


def has_memory(pid: int) -> bool:
    """A killed process may still be on its way out, or wait for its parent, without any."""
    try:
        return "VmRSS" in status(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workload_starts_in_its_cgroup_and_moves() -> None:
    with memory_cgroup() as first, memory_cgroup(name="docker/abc") as second:
        with Workload("job", cgroup=first) as workload:
            assert first.pids() == [workload.pid]
            workload.do("map 32MiB")
            workload.do("touch 0")
            assert first.charge_bytes() >= 32 * MIB
            second.add(workload.pid)
            assert second.pids() == [workload.pid]
            assert f":{second.name}\n" in Path(f"/proc/{workload.pid}/cgroup").read_text(
                encoding="utf-8"
            )
        first_path, second_path = first.path, second.path
    assert not first_path.exists()
    assert not second_path.exists()


def test_limit_is_enforced_by_the_kernel() -> None:
    with memory_cgroup(limit=40 * MIB) as group, Workload("victim", cgroup=group) as workload:
        workload.do("map 200MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGKILL
        assert group.oom_kills() == 1


def test_cgroup_is_removed_with_its_processes() -> None:
    with memory_cgroup() as group:
        process = group.run(["sleep", "1000"])
        path = group.path
    assert not path.exists()
    assert process.wait(timeout=10) == -signal.SIGKILL


def test_peak_is_kept(workload: Workload) -> None:
    workload.do("map 50MiB")
    workload.do("touch 0")
    workload.do("unmap 0")
    after = status(workload.pid)
    assert after["VmHWM"] - after["VmRSS"] >= 49 * MIB
