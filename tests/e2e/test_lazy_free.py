"""Memory that was freed lazily is room, unless it was written to since."""

from pathlib import Path

import pytest

from ebpftrace.units import KIB, MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.kinds import KindsProcess, kinds_process
from tests.support.patience import patient
from tests.support.records import Record, Watch

pytestmark = pytest.mark.kernel

NOISE = 6 * MIB  # the reading is up to half a second old; pages wait in batches


def lazy_free(pid: int) -> int:
    """As the kernel has it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("LazyFree:"):
            return int(line.split()[1]) * KIB
    raise AssertionError("this kernel shows no LazyFree")


def watching(group: MemoryCgroup, folder: Path) -> Watch:
    """With a bound at 70 % of the limit, and an audit log of its own."""
    audit = str(folder / "audit.jsonl")
    options = ("--interval", "250ms", "--level", "70%", "--audit", audit)
    return Watch("--cgroup", group.name, *options)


def check(watch: Watch, group: MemoryCgroup, process: KindsProcess, kept_mib: int) -> Record:
    """Wait for the kernel's figure, which is read the less often the longer that takes.

    What is left besides is what the program knows that it kept.
    """
    truth = lazy_free(process.pid)

    def agrees(record: Record) -> bool:
        return record["type"] == "snapshot" and any(
            job["cgroup"] == group.name and abs(job["contents"]["lazy_bytes"] - truth) <= NOISE
            for job in record["jobs"]
        )

    snapshot = watch.wait_for(agrees, patient(30), since=len(watch.records))
    job: Record = next(job for job in snapshot["jobs"] if job["cgroup"] == group.name)
    inside = job["contents"]
    program = 20 * MIB  # Python itself
    kept = inside["anon_bytes"] - inside["lazy_bytes"] - kept_mib * MIB
    assert -NOISE <= kept <= program + NOISE
    return job


def levels(watch: Watch) -> list[Record]:
    return [
        one
        for one in watch.records
        if one["type"] == "finding" and one["detector"].startswith("level")
    ]


def test_lazily_freed_memory_is_not_held_until_it_is_written_to_again(
    tmp_path: Path,
) -> None:
    with (
        memory_cgroup(limit=250 * MIB) as group,
        kinds_process(group) as process,
        watching(group, tmp_path) as watch,
    ):
        process.do("lazy 210")
        job = check(watch, group, process, kept_mib=0)
        assert job["charge_bytes"] > 200 * MIB
        assert levels(watch) == []
        assert process.is_running
        process.do("reuse 100")
        check(watch, group, process, kept_mib=100)
        assert levels(watch) == []
        process.do("reuse 80")
        found = watch.wait_for(
            lambda one: one["type"] == "finding" and one["detector"].startswith("level")
        )
        assert found["measured"] == pytest.approx(188 / 250, abs=0.05)
        check(watch, group, process, kept_mib=180)


def test_partly_lazily_freed_memory_counts_in_part(tmp_path: Path) -> None:
    with (
        memory_cgroup(limit=250 * MIB) as group,
        kinds_process(group) as process,
        watching(group, tmp_path) as watch,
    ):
        process.do("anon 60")
        process.do("lazy 150")
        check(watch, group, process, kept_mib=60)
        assert levels(watch) == []


def test_the_kernel_takes_it_before_it_kills() -> None:
    """What is called room is: the same process then fills the limit, and is not killed."""
    with (
        memory_cgroup(limit=250 * MIB) as group,
        kinds_process(group) as process,
        Watch("--cgroup", group.name, "--interval", "250ms") as watch,
    ):
        process.do("lazy 210")
        process.do("anon 150")
        check(watch, group, process, kept_mib=150)
        assert group.oom_kills() == 0
