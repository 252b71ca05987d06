"""What is found, and what is not, on real programs run all at once beside one watch.

The built-in judgement, with no flag. Every workload has a memory cgroup of its own; the
recordings in tests/traces hold the same judgement to fifty of them, one by one.
"""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from itertools import accumulate
from operator import ge
from pathlib import Path

import pytest

from bench.judgement.commands import (
    exact_command,
    generations_command,
    go_command,
    java_command,
    node_command,
    python_command,
    shell_command,
    tmpfs_command,
)
from bench.judgement.programs import java_class, load_go
from bench.judgement.real import moves
from bench.judgement.record import run
from bench.judgement.workloads import Workload
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.records import Ended, Record, Watch

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

SECONDS = 55
IN_TIME = 0.7  # of the limit

LEAKS = (
    Workload("1MiB-a-second", "leak", 40, SECONDS, exact_command("grow 1MiB 100MiB")),
    Workload("10MiB-a-second", "leak", 384, SECONDS, exact_command("grow 10MiB 1GiB")),
    Workload("100MiB-a-second", "leak", 2048, SECONDS, exact_command("grow 100MiB 3GiB")),
    Workload("under-a-sawtooth-ten-times-as-large", "leak", 320, SECONDS,
             python_command("--leak 3 --tooth 120 --seconds 90")),
    Workload("over-short-lived-children", "leak", 256, SECONDS, generations_command("5 90")),
    Workload("in-tmpfs", "leak", 192, SECONDS, tmpfs_command("--leak 6 --seconds 90")),
    Workload("in-node", "leak", 384, SECONDS, node_command("--leak 14 --seconds 90")),
)  # fmt: skip

SLOW = ("1MiB-a-second", "10MiB-a-second", "in-tmpfs")
"""Slow enough for a snapshot between 97 % of the limit and the kill."""

HEALTHY = (
    Workload("go-sawtooth", "healthy", 384, SECONDS,  # its teeth are no burst of that
             go_command("-burst 60 -churn 30 -seconds 90")),
    Workload("python-sawtooth", "healthy", 384, SECONDS,
             python_command("--burst 40 --tooth 120 --seconds 90")),
    Workload("jvm-warm-up-plateau", "healthy", 384, SECONDS,
             java_command("-Xmx160m", "--burst 60 --churn 20 --seconds 90")),
    Workload("page-cache-flood", "healthy", 192, SECONDS,
             shell_command("while :; do dd if=/dev/zero of=FOLDER/flood bs=1M count=400 "
                           "2>/dev/null; cat FOLDER/flood >/dev/null; sleep 2; done")),
    Workload("fork-storm", "healthy", 128, SECONDS,
             shell_command("while :; do for n in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; wait; "
                           "done")),
    Workload("restart-churn", "healthy", 384, SECONDS,
             shell_command("while :; do PYTHON LOAD --burst 60 --leak 6 --seconds 8; done")),
    # Another value each time: without it nothing is linked anew.
    Workload("linker-up-and-down", "healthy", 256, SECONDS,
             shell_command("while :; do n=$((n + 1)); go build -ldflags=-X=main.n=$n "
                           "-o FOLDER/linked PROGRAMS/load.go; sleep 1; done")),
    # A limit of which its 200 MiB are no burst, should the watch see it half started.
    Workload("cgroup-move", "healthy", 640, SECONDS, driver=moves),
)  # fmt: skip


@dataclass(frozen=True)
class Least:
    """What a workload must have been seen to do, or it was not what it is called."""

    peak_mib: int = 0  # of what the kernel cannot drop
    falls_mib: int = 0  # the deepest fall from one snapshot to a later one
    cache_mib: int = 0
    started: int = 1
    cgroups: int = 1  # that it was in


DONE = {
    "go-sawtooth": Least(peak_mib=90),
    "python-sawtooth": Least(peak_mib=130, falls_mib=80),
    "jvm-warm-up-plateau": Least(peak_mib=80),
    "page-cache-flood": Least(cache_mib=150, started=10),
    "fork-storm": Least(started=200),
    "restart-churn": Least(peak_mib=80, falls_mib=60, started=4),
    "linker-up-and-down": Least(peak_mib=30, falls_mib=20, started=20),
    "cgroup-move": Least(peak_mib=190, started=10, cgroups=2),
}

NEEDS = {
    "in-node": ("node",),
    "go-sawtooth": ("go",),
    "jvm-warm-up-plateau": ("java", "javac"),
    "linker-up-and-down": ("go",),
}


def missing(workload: Workload) -> str:
    """The first program that it needs and that is not installed; "" if all are."""
    return next((one for one in NEEDS.get(workload.name, ()) if not shutil.which(one)), "")


@dataclass(frozen=True)
class Seen:
    """What the watch wrote, and the cgroup of each workload."""

    ended: Ended
    cgroups: dict[str, str]

    def found(self, workload: Workload) -> list[Record]:
        """The findings of a workload's jobs, notices as well."""
        if program := missing(workload):
            pytest.skip(f"{program} is not installed")
        return [
            record
            for record in self.ended.of_type("finding")
            if record["job"]["cgroup"].startswith(self.cgroups[workload.name])
        ]

    def jobs(self, workload: Workload) -> Iterator[list[Record]]:
        """Its jobs, snapshot for snapshot."""
        for record in self.ended.of_type("snapshot"):
            yield [
                job
                for job in record["jobs"]
                if job["cgroup"].startswith(self.cgroups[workload.name])
            ]

    def did(self, workload: Workload) -> Least:
        """What it was seen to do."""
        held, cache, started, cgroups = [0], 0, 0, set()
        for jobs in self.jobs(workload):
            contents = [job["contents"] for job in jobs if job["contents"]]
            held.append(sum(one["anon_bytes"] + one["shmem_bytes"] for one in contents))
            cache = max(cache, sum(one["cache_bytes"] for one in contents))
            started = max(started, sum(job["processes_seen"] for job in jobs))
            cgroups |= {job["cgroup"] for job in jobs}
        highest = list(accumulate(held, max))
        falls = max(top - now for top, now in zip(highest, held, strict=True))
        return Least(max(held) >> 20, falls >> 20, cache >> 20, started, len(cgroups))

    def before(self, finding: Record, cgroup: str) -> Record:
        """The job in the snapshot that the finding was made of."""
        return next(
            job
            for record in self.ended.of_type("snapshot")
            if record["monotonic_ns"] == finding["monotonic_ns"]
            for job in record["jobs"]
            if job["cgroup"] == cgroup
        )


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """All workloads, run at once for less than a minute."""
    present = [one for one in (*LEAKS, *HEALTHY) if not missing(one)]
    if shutil.which("go"):
        load_go()  # what has to be compiled first takes no turn from what is judged
    if shutil.which("javac"):
        java_class()
    with ExitStack() as stack:
        groups: dict[str, MemoryCgroup] = {}
        for one in present:
            groups[one.name] = stack.enter_context(
                memory_cgroup(limit=one.limit_mib << 20, name=f"ebpftrace-judge-{one.name}")
            )
        tops = {name: str(Path(group.name).parent) for name, group in groups.items()}
        asked = [word for top in tops.values() for word in ("--cgroup", top)]
        with Watch(*asked, "--comm", "*", "--interval", "500ms") as watch:
            threads = [
                threading.Thread(target=_run, args=(one, groups[one.name])) for one in present
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ended = watch.stop()
        yield Seen(ended, tops)


def _run(workload: Workload, group: MemoryCgroup) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ebpftrace-judge-"))
    try:
        run(workload, group, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (Path("/dev/shm") / folder.name).unlink(missing_ok=True)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda one: one.name)
def test_a_limit_is_forecast_in_time(seen: Seen, leak: Workload) -> None:
    found = [record for record in seen.found(leak) if record["detector"] == "forecast"]
    assert found, "nothing was found"
    first = found[0]
    assert first["state"] == "begin"
    assert first["seconds_to_limit"] is not None
    job = seen.before(first, first["job"]["cgroup"])
    inside = job["contents"]
    assert inside["anon_bytes"] + inside["shmem_bytes"] <= IN_TIME * job["limit_bytes"]
    assert "of the room it began with" in first["sentence"]


@pytest.mark.parametrize("leak", [one for one in LEAKS if one.name in SLOW],
                         ids=lambda one: one.name)  # fmt: skip
def test_an_exhausted_limit_is_called_before_the_kill(seen: Seen, leak: Workload) -> None:
    found = [record["detector"] for record in seen.found(leak)]
    assert "exhaustion" in found
    if "oom" in found:
        assert found.index("exhaustion") < found.index("oom")


def test_no_leak_is_called_on_a_first_run_of_a_minute(seen: Seen) -> None:
    found = seen.ended.of_type("finding")
    assert [record["sentence"] for record in found if record["detector"] == "leak"] == []


@pytest.mark.parametrize("one", HEALTHY, ids=lambda one: one.name)
def test_what_is_fine_is_no_finding(seen: Seen, one: Workload) -> None:
    assert [record["sentence"] for record in seen.found(one)] == []
    least, did = DONE[one.name], seen.did(one)
    assert all(map(ge, astuple(did), astuple(least))), f"it was not seen to do it: {did}"


def test_a_kill_is_told_against_its_victim(seen: Seen) -> None:
    leak = next(one for one in LEAKS if one.name == "100MiB-a-second")
    kills = [record for record in seen.found(leak) if record["detector"] == "oom"]
    assert kills
    assert kills[0]["severity"] == "critical"
    assert "was killed by the OOM killer at the limit of 2 GiB" in kills[0]["sentence"]


def test_the_watch_ends_in_order(seen: Seen) -> None:
    assert seen.ended.code == 0
    assert not seen.ended.stderr
