"""The process that grew is ended, and no other: forked workers, bystanders, tmpfs."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_type, logged, of_type, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.process_state import lives
from tests.support.records import Record, Watch
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 300 * MIB
LEVEL = '{ detector = "level", bound = "60%" }'
SIGNAL = '{ action = "signal" }'


@contextmanager
def limited(folder: Path, when: str = LEVEL) -> Iterator[tuple[MemoryCgroup, Watch]]:
    """A cgroup with a limit, and a watch whose policy ends a process of it."""
    file = policy(folder, when=when, then=SIGNAL)
    with memory_cgroup() as group, watching(folder, "--config", str(file)) as watch:
        group.limit(LIMIT)
        yield group, watch


def outcome_of(watch: Watch) -> Record:
    return watch.wait_for(is_type("outcome"), SECONDS)


def test_a_forked_worker_that_leaks_is_ended_and_not_its_parent(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 10MiB")
        parent.do("touch 0")
        watch.next_snapshot()
        parent.send("fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (worker,) = map(int, parent.answer())
        assert parent.do("map 1MiB")
        assert group.oom_kills() == 0
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]
    (incident,) = logged(tmp_path, "incident")
    assert incident["facts"]["sentence"].startswith(f"{COMM} {worker} in ")


def test_of_two_forked_workers_the_one_that_leaks_is_ended(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 10MiB")
        parent.do("touch 0")
        (calm,) = map(int, parent.do("fork; map 20MiB; touch 1"))
        watch.next_snapshot()
        parent.send("fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (worker,) = map(int, parent.answer())
        assert lives(calm)
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]


def test_a_forked_grandchild_that_leaks_is_ended(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        watch.next_snapshot()
        parent.send("fork; fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (child,) = map(int, parent.answer())
        assert lives(child)
        assert parent.do("map 1MiB")
    assert outcome["pid"] not in (parent.pid, child), outcome["sentence"]
    assert outcome["helped"]


def test_a_worker_that_was_started_by_vfork_and_exec(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        watch.next_snapshot()
        (worker,) = map(int, parent.do(f"spawn {parent.program} 500; grow 20MiB 400MiB"))
        outcome = outcome_of(watch)
        assert parent.do("map 1MiB")
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]


def test_what_a_worker_inherits_when_its_parent_ends_is_no_gain(tmp_path: Path) -> None:
    """The idle worker shows its parent's 60 MiB as its own from then on; the other grew."""
    growth = '{ detector = "growth", bound = "100MiB", window = "60s" }'
    with limited(tmp_path, growth) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 60MiB")
        parent.do("touch 0")
        (idle,) = map(int, parent.do("fork"))
        parent.send("fork; raise 19; grow 20MiB 400MiB")  # it stops itself, until resumed
        watch.next_snapshot()
        watch.next_snapshot()
        (worker,) = {pid for pid in group.pids() if pid not in (parent.pid, idle)}
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        watch.next_snapshot()
        watch.next_snapshot()
        os.kill(worker, signal.SIGCONT)
        outcome = outcome_of(watch)
        assert lives(idle)
    assert outcome["pid"] == worker, outcome["sentence"]
    (incident,) = logged(tmp_path, "incident")
    assert incident["facts"]["measured"] < 155 * MIB  # not 60 MiB more


BYSTANDER_MIB = 60


@contextmanager
def bystander(folder: Path, when: str) -> Iterator[tuple[MemoryCgroup, Watch, Workload]]:
    """A process that holds 60 MiB since before the watch began, and does not grow."""
    file = policy(folder, when=when, then=SIGNAL)
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as process:
        group.limit(LIMIT)
        process.do(f"map {BYSTANDER_MIB}MiB")
        process.do("touch 0")
        with watching(folder, "--config", str(file)) as watch:
            watch.next_snapshot()
            watch.next_snapshot()
            yield group, watch, process


def held_back(watch: Watch) -> str:
    """Why the policy did nothing, as every output reports it."""
    remark = watch.wait_for(
        lambda one: one["type"] == "remark" and " does nothing in " in one["text"], SECONDS
    )
    return str(remark["text"]).partition(": ")[2]


def assert_never_blamed(watch: Watch, process: Workload) -> None:
    assert process.do("map 1MiB")
    blamed = f"{COMM} {process.pid} in job"
    for kind in ("finding", "outcome"):
        for record in of_type(watch, kind):
            assert not record["sentence"].startswith(blamed), record["sentence"]
    assert of_type(watch, "step") == []


@pytest.mark.parametrize(
    "when",
    [
        '{ detector = "level", bound = "55%" }',
        '{ detector = "growth", bound = "80MiB", window = "60s" }',
    ],
    ids=["level", "growth"],
)
def test_a_bystander_of_a_program_that_is_not_watched(tmp_path: Path, when: str) -> None:
    with bystander(tmp_path, when) as (group, watch, gopls):
        with Workload(unique_comm(), cgroup=group) as compiler:
            compiler.do("map 120MiB")
            compiler.do("touch 0")
            gopls.do("map 2MiB")
            gopls.do("touch 1")
            reason = held_back(watch)
        assert_never_blamed(watch, gopls)
    assert re.fullmatch(r"processes that are not watched hold \d+ of 1\d\d MiB", reason), reason


@pytest.mark.parametrize("written_by", ["nobody", "a program that is not watched"])
def test_a_bystander_of_a_tmpfs_file(tmp_path: Path, written_by: str) -> None:
    growth = '{ detector = "growth", bound = "80MiB", window = "60s" }'
    with bystander(tmp_path, growth) as (group, watch, gopls):
        file = Path(f"/dev/shm/ebpftrace-test-{os.getpid()}")
        try:
            script = f"head -c 150M /dev/zero >{file}; "
            script += "exit" if written_by == "nobody" else "exec sleep 100"
            with group.run(["sh", "-c", script]) as writer:
                reason = held_back(watch)
                writer.kill()
        finally:
            file.unlink(missing_ok=True)
        assert_never_blamed(watch, gopls)
    assert re.fullmatch(r"tmpfs holds \d+ of \d+ MiB", reason), reason


def test_the_note_of_an_oom_kill_states_what_held_the_memory(tmp_path: Path) -> None:
    """The kernel picks the largest process; most of the memory is a file's."""
    file = Path(f"/dev/shm/ebpftrace-test-{os.getpid()}")
    with bystander(tmp_path, '{ detector = "oom" }') as (group, watch, gopls):
        try:
            group.run(["sh", "-c", f"head -c 200M /dev/zero >{file}"]).wait()
            watch.next_snapshot()
            watch.next_snapshot()
            gopls.send("map 60MiB")
            gopls.send("touch 1")
            finding = watch.wait_for(
                lambda one: one["type"] == "finding" and one["detector"] == "oom", SECONDS
            )
        finally:
            file.unlink(missing_ok=True)
    assert re.search(r"; tmpfs held 2\d\d of 26\d MiB$", finding["sentence"]), finding


def test_a_file_that_six_processes_have_mapped_is_counted_once(tmp_path: Path) -> None:
    """No limit is set; they show 360 MiB together, and the cgroup is charged for 60."""
    file = policy(tmp_path, when='{ detector = "level", bound = "150MiB" }', then=SIGNAL)
    shared = Path(f"/dev/shm/ebpftrace-test-{os.getpid()}")
    with memory_cgroup() as group, watching(tmp_path, "--config", str(file)) as watch:
        try:
            with ExitStack() as stack:
                processes = [
                    stack.enter_context(Workload(COMM, cgroup=group)) for _ in range(6)
                ]
                watch.next_snapshot()
                shared.touch()
                os.truncate(shared, 60 * MIB)
                for process in processes:
                    process.do(f"mapfile {shared} 60MiB shared")
                    process.do("touch 0")
                watch.next_snapshot()
                watch.next_snapshot()
                for process in processes:
                    assert process.do("map 1MiB")
                assert group.charge_bytes() < 100 * MIB
        finally:
            shared.unlink(missing_ok=True)
    assert of_type(watch, "step") == []
    assert logged(tmp_path, "incident") == []


@pytest.mark.parametrize(("count", "size", "bound"), [(2, 60, 100), (4, 40, 150)])
def test_workers_that_write_to_what_they_share_with_their_parent(
    tmp_path: Path, count: int, size: int, bound: int
) -> None:
    """By the counters of its processes the job gains nothing: a copy replaces a page.

    One of two workers is the target; four are ended together with their parent.
    """
    growth = f'{{ detector = "growth", bound = "{bound}MiB", window = "60s" }}'
    file = policy(tmp_path, when=growth, then=SIGNAL)
    with memory_cgroup() as group, Workload(COMM, cgroup=group) as parent:
        group.limit(LIMIT)
        parent.do(f"map {size}MiB")
        parent.do("touch 0")
        with watching(tmp_path, "--config", str(file)) as watch:
            watch.next_snapshot()
            watch.next_snapshot()
            for _ in range(count - 1):
                parent.do("fork; touch 0")
            parent.send("fork; touch 0")
            outcome = outcome_of(watch)
            assert group.oom_kills() == 0
            left = group.pids()
    (incident,) = logged(tmp_path, "incident")
    assert not incident["facts"]["sentence"].startswith(f"{COMM} "), incident
    assert outcome["helped"], outcome
    if count == 2:
        assert outcome["pid"] != parent.pid
        assert parent.pid in left
        assert len(left) == count
    else:
        assert outcome["pid"] == parent.pid
        assert left == []


@pytest.mark.parametrize("where", ["below", "not watched"])
def test_a_bystander_of_what_was_just_ended(tmp_path: Path, where: str) -> None:
    """The job's cgroup held 190 MiB a moment ago; what held them has ended since."""
    with (
        memory_cgroup(limit=LIMIT) as group,
        memory_cgroup(parent=group) as below,
        Workload(COMM, cgroup=group) as process,
    ):
        process.do("map 20MiB")
        process.do("touch 0")
        file = policy(tmp_path, when='{ detector = "level", bound = "60%" }', then=SIGNAL)
        inside, name = (below, COMM) if where == "below" else (group, unique_comm())
        with watching(tmp_path, "--config", str(file)) as watch:
            for _ in range(3):
                with Workload(name, cgroup=inside) as large:
                    large.do("map 170MiB")
                    large.do("touch 0")
                    watch.next_snapshot()
                watch.next_snapshot()
            assert process.do("map 1MiB")
            ended = [one["pid"] for one in of_type(watch, "outcome")]
            assert process.pid not in ended
