"""The history as a user has it: real jobs in real cgroups, watched one after the other."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.history.sqlite_store import SqliteStore
from ebpftrace.units import KIB, MIB
from tests.support import runs
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.cli import assert_explained, ebpftrace
from tests.support.disks import fill, small_disk
from tests.support.patience import patient
from tests.support.records import Record, Watch

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

LIMIT = 256 * MIB
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/app",
    "CI_JOB_NAME": "test",
}
JOB = """if True:
    import sys, time
    time.sleep(1)
    half = bytearray(int(sys.argv[1]) * 2**19)
    time.sleep(2)
    rest = bytearray(int(sys.argv[1]) * 2**19)
    time.sleep(3)
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("RssAnon")))
"""


@pytest.fixture
def place() -> Iterator[MemoryCgroup]:
    """Where the jobs' cgroups are made, as a runner does."""
    with memory_cgroup() as group:
        if group.version == 2:
            write(group.path / "cgroup.subtree_control", "+memory")
        yield group


def run_job(place: MemoryCgroup, number: int, mib: int, name: str = "build", **job: str) -> int:
    """One run in a cgroup of its own, which is removed; bytes it held at last, 0: killed."""
    folder = place.path / f"{name}-{number}"
    folder.mkdir()
    group = MemoryCgroup(folder, place.version)
    group.limit(LIMIT)
    environment = {**GITLAB, "CI_JOB_ID": str(4000 + number), **job}
    done = subprocess.run(
        group.inside([sys.executable, "-c", JOB, str(mib)]),
        env=environment, stdout=subprocess.PIPE, timeout=patient(60), check=False,
    )  # fmt: skip
    group.remove()
    return int(done.stdout or 0) * 1024


def watching(place: MemoryCgroup, *options: str) -> Watch:
    return Watch("--cgroup", place.name, "--comm", "*", *(options or ("--no-config",)))


def leak_findings(records: Iterable[Record]) -> list[Record]:
    return [one for one in records if one["type"] == "finding" and one["detector"] == "leak"]


def jobs(*args: str) -> list[dict[str, Any]]:
    done = ebpftrace("history", *args, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["jobs"]
    return found


def test_a_job_that_ran_three_times_is_in_the_history_with_its_peak(
    place: MemoryCgroup,
) -> None:
    held = []
    for number in range(3):  # each watched by a watch of its own
        with watching(place) as watch:
            held.append(run_job(place, number, 120))
            ended = watch.stop()
        assert ended.code == 0
        assert not [note for note in ended.of_type("remark") if "history" in note["text"]]
    (job,) = jobs("acme/app test")
    assert (job["kind"], job["run_count"]) == ("gitlab", 3)
    assert job["place"].endswith("/build-*")
    for run, expected in zip(reversed(job["runs"]), held, strict=True):
        assert (run["end"], run["clean"], run["limit_bytes"]) == ("ok", True, LIMIT)
        assert run["peak_bytes"] == pytest.approx(expected, rel=0.03)
        assert 6e9 <= run["duration_ns"] < patient(20) * 1e9
        assert 4 <= len(run["curve"]) <= 64
        assert "python" in " ".join(program["name"] for program in run["programs"])
    table = ebpftrace("history").stdout
    assert "acme/app test" in table
    assert "\x1b" not in table
    assert "past: 3 runs that ended well" in ebpftrace("history", "acme/app test").stdout


def test_a_leak_is_called_as_soon_as_the_job_leaves_its_past(place: MemoryCgroup) -> None:
    with watching(place) as watch:
        for number in range(3):
            run_job(place, number, 60)
        inside = len(watch.records)
        run_job(place, 3, 160)
        ended = watch.stop()
    assert leak_findings(ended.records[:inside]) == []
    leaks = leak_findings(ended.records)
    assert leaks, "the fourth run was not called"
    sentence = leaks[0]["sentence"]
    assert re.search(r"holds \d+ MiB at \d.*; in its last 3 runs at most \d+ MiB", sentence)
    assert leaks[0]["severity"] == "warning"  # it does not climb on


def test_a_job_that_changed_is_left_alone_and_learned(
    place: MemoryCgroup, tmp_path: Path
) -> None:
    act = ("--on-breach", "kill -TERM $EBPFTRACE_PID", "--audit", str(tmp_path / "audit"))
    with watching(place, *act) as watch:
        for number in range(3):
            run_job(place, number, 60)
        before = len(watch.records)
        assert run_job(place, 3, 160) > 150 * MIB  # it was not ended
        changed = len(watch.records)
        run_job(place, 4, 160)
        ended = watch.stop()
    found = leak_findings(ended.records[before:changed])
    assert {one["severity"] for one in found} == {"warning"}
    later = leak_findings(ended.records[changed:])
    assert [one for one in later if one["state"] != "end"] == []
    assert ended.of_type("step") == []
    (job,) = jobs("acme/app test")
    assert [run["clean"] for run in job["runs"]] == [True] * 5


def test_runs_that_did_not_end_well_are_kept_and_are_no_past(place: MemoryCgroup) -> None:
    with watching(place) as watch:
        assert run_job(place, 1, 600) == 0  # the OOM killer kills it
        run_job(place, 2, 40)
        watch.stop()
    (job,) = jobs("acme/app test")
    assert sorted(run["end"] for run in job["runs"]) == ["ok", "oom_killed"]
    assert "past: 1 run that ended well, at most" in ebpftrace("history", "acme").stdout


def test_the_same_name_in_another_place_is_another_job(place: MemoryCgroup) -> None:
    with watching(place) as watch:
        run_job(place, 1, 20)
        run_job(place, 2, 20, name="hostile")
        watch.stop()
    found = jobs("acme/app test")
    assert sorted(Path(job["place"]).name for job in found) == ["build-*", "hostile-*"]
    assert [job["run_count"] for job in found] == [1, 1]


def test_forget_leaves_the_other_jobs(place: MemoryCgroup) -> None:
    with watching(place) as watch:
        run_job(place, 1, 20)
        run_job(place, 2, 20, CI_JOB_NAME="lint")
        watch.stop()
    assert ebpftrace("history", "forget", "acme/app test").stdout.startswith("forgot 1 run of")
    assert [job["name"] for job in jobs()] == ["acme/app lint"]
    assert_explained(ebpftrace("history", "forget", "acme/app test"), 9)


def test_a_flood_of_50_000_names_pushes_out_no_real_past(tmp_path: Path) -> None:
    file, hour_ns = tmp_path / "history.db", 3600 * 10**9
    long = runs.run([(second, 10 + second) for second in range(64)])
    began_ns = time.time_ns() - 50 * hour_ns
    with SqliteStore(file) as store:
        for number in range(3):
            start_ns = began_ns + number * hour_ns
            store.add(long._replace(start_time_ns=start_ns, watch_key=str(number)))
        for number in range(50_000):
            made_up = runs.JOB._replace(key=f"made up {number}", name=f"made up {number}")
            start_ns = began_ns + 4 * hour_ns + number * 10**6
            store.add(long._replace(job=made_up, start_time_ns=start_ns))
        assert len(store.runs(runs.JOB.key)) == 3
        assert len(store.jobs(1_000_000)) <= 10_000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 80 * MIB
    shown = ebpftrace("history", runs.JOB.name, "--history", str(file)).stdout
    assert "past: 3 runs that ended well" in shown


def test_a_history_that_cannot_be_used_is_said_once(
    place: MemoryCgroup, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_text("no database\n" * 100)
    damaged.chmod(0o600)
    environment = {"EBPFTRACE_HISTORY": str(damaged)}
    with Watch("--cgroup", place.name, "--comm", "*", environment=environment) as watch:
        run_job(place, 1, 20)
        run_job(place, 2, 20)
        ended = watch.stop()
    told = [note["text"] for note in ended.of_type("remark") if "history" in note["text"]]
    assert len(told) == 1
    assert "is damaged" in told[0]
    assert ended.code == 0
    assert ended.of_type("end")[0]["losses"]["history"] >= 2
    assert "is damaged" in assert_explained(ebpftrace("history", environment=environment), 12)
    assert damaged.read_text() == "no database\n" * 100


def test_a_full_disk_and_a_read_only_one_are_explained(
    place: MemoryCgroup, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 512 * KIB) as disk:
        folder = disk / "ebpftrace"
        folder.mkdir(mode=0o700)
        file = folder / "history.db"
        with SqliteStore(file) as store:
            store.add(runs.run())
        fill(disk)
        options = ("--cgroup", place.name, "--comm", "*", "--history", str(file))
        with Watch(*options) as watch:
            run_job(place, 1, 20)
            ended = watch.stop()
        told = [note["text"] for note in ended.of_type("remark") if "history" in note["text"]]
        assert ended.code == 0
        assert len(told) == 1
        assert "cannot be written: the disk is full" in told[0]
        assert "the watch continues without past runs" in told[0]
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        text = assert_explained(
            ebpftrace("history", "forget", runs.JOB.name, "--history", str(file)), 12
        )
        assert "cannot be written" in text


def test_without_a_history_nothing_is_written_and_sqlite_not_loaded(
    place: MemoryCgroup, tmp_path: Path
) -> None:
    file = tmp_path / "folder" / "history.db"
    options = ("--cgroup", place.name, "--comm", "*", "--history", str(file))
    with Watch(*options, "--no-history") as watch:
        run_job(place, 1, 20)
        loaded = Path(f"/proc/{watch.pid}/maps").read_text(encoding="utf-8")
        watch.stop()
    assert not file.parent.exists()
    assert "sqlite" not in loaded
    with Watch(*options) as watch:
        run_job(place, 2, 20)
        loaded = Path(f"/proc/{watch.pid}/maps").read_text(encoding="utf-8")
        watch.stop()
    assert file.exists()
    assert "sqlite" in loaded
