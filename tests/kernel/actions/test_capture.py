"""`capture`: the evidence of a real process, complete and bounded."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ebpftrace.act.actions import capture
from ebpftrace.act.actions.support.evidence import Part, parts_of
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import KIB, NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup
from tests.support.incidents import about, act, curve
from tests.support.workload import Workload


def test_evidence_of_a_real_process(
    victim: Workload, group: MemoryCgroup, tmp_path: Path
) -> None:
    victim.do("map 32MiB")
    subject = about(victim.pid, group.path, held_curve=curve(2), charge_curve=curve(3),
                    began_ns=5 * NS_PER_SECOND)  # fmt: skip
    ended = act("capture", subject, capture.CaptureOptions(tmp_path / "incidents"))
    assert ended.status is StepStatus.DONE
    folder = tmp_path / "incidents" / subject.id
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
    assert (folder / "curve.csv").read_text().endswith("\n4000000000,2,3\n5000000000,2,3\n")
    assert (folder.stat().st_mode & 0o777) == 0o700


def test_every_file_and_folder_is_synced_before_the_end(
    victim: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    for name in ("fdatasync", "fsync"):
        sync = getattr(os, name)

        def noted(fd: int, sync: Callable[[int], None] = sync) -> None:
            synced.add(os.fstat(fd).st_ino)
            sync(fd)

        monkeypatch.setattr(os, name, noted)
    ended = act("capture", about(victim.pid), capture.CaptureOptions(tmp_path))
    assert ended.status is StepStatus.DONE, ended
    assert ended.evidence is not None
    saved = {tmp_path, ended.evidence, *ended.evidence.iterdir()}
    assert {path.stat().st_ino for path in saved} == synced


def test_only_parts_of_a_process_that_has_ended_fail(
    group: MemoryCgroup, tmp_path: Path
) -> None:
    with Workload("gopls", cgroup=group) as workload:
        subject = about(workload.pid, group.path)
        workload.close_input()
    ended = act("capture", subject, capture.CaptureOptions(tmp_path))
    assert ended.status is StepStatus.DONE
    parts = json.loads((tmp_path / subject.id / "manifest.json").read_bytes())["parts"]
    errors = {part["name"]: part["error"] for part in parts if part["error"]}
    assert "has ended" in errors["process-status"]
    assert "cgroup-memory.stat" not in errors
    assert (tmp_path / subject.id / "cgroup-memory.stat").stat().st_size


def test_size_is_bounded(victim: Workload, tmp_path: Path) -> None:
    subject = about(victim.pid)
    options = capture.CaptureOptions(tmp_path, size_bytes=4 * KIB)
    assert act("capture", subject, options).status is StepStatus.DONE
    files = [entry for entry in (tmp_path / subject.id).iterdir() if entry.suffix != ".json"]
    assert sum(file.stat().st_size for file in files) <= 4 * KIB
    parts = json.loads((tmp_path / subject.id / "manifest.json").read_bytes())["parts"]
    assert any(part["cut"] for part in parts)


def test_parts_read_before_the_process_ended_are_kept(
    group: MemoryCgroup, tmp_path: Path
) -> None:
    with Workload("gopls", cgroup=group) as workload:
        subject = about(workload.pid, group.path)

        def parts(about: Incident) -> Iterator[Part]:
            for part in parts_of(about):
                yield part
                if part.name == "process-limits":
                    workload.close_input()

        capture.capture(subject, capture.CaptureOptions(tmp_path), threading.Event(), parts)
    manifest = json.loads((tmp_path / subject.id / "manifest.json").read_bytes())
    assert manifest["complete"]
    errors = {part["name"]: part["error"] for part in manifest["parts"]}
    assert errors["process-status"] is errors["process-limits"] is None
    assert "has ended" in errors["process-smaps"]
    assert not (tmp_path / subject.id / "process-smaps").exists()
    assert errors["cgroup-memory.stat"] is errors["children.json"] is None


def test_a_process_that_the_next_step_ends_is_in_the_evidence_as_it_was(
    group: MemoryCgroup, tmp_path: Path
) -> None:
    with Workload("gopls", cgroup=group) as workload:
        workload.do("map 32MiB")
        workload.do("touch 0")
        subject = about(workload.pid, group.path)

        def end(_folder: Path) -> None:
            os.kill(workload.pid, signal.SIGKILL)
            assert workload.wait() == -signal.SIGKILL

        options = capture.CaptureOptions(tmp_path)
        ended = capture.capture(subject, options, threading.Event(), read=end)
    assert ended.evidence is not None
    manifest = json.loads((ended.evidence / "manifest.json").read_bytes())
    assert [part for part in manifest["parts"] if part["error"]] == []
    assert manifest["complete"]
    names = {part["name"] for part in manifest["parts"]}
    assert names == {file.name for file in ended.evidence.iterdir()} - {"manifest.json"}
    rollup = dict(re.findall(rb"(\w+):\s+(\d+) kB", read(ended.evidence, "smaps_rollup")))
    assert int(rollup[b"Anonymous"]) >= 32 * KIB
    assert read(ended.evidence, "smaps").count(b"\nRss:") > 5
    procs = (ended.evidence / "cgroup-cgroup.procs").read_text().split()
    assert procs == [str(workload.pid)]


def read(folder: Path, name: str) -> bytes:
    """What was saved of a file of the process."""
    return (folder / f"process-{name}").read_bytes()


def test_oldest_evidence_is_removed_and_nothing_else(victim: Workload, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "away").symlink_to(tmp_path / "other")
    stale, young = tmp_path / ".a.partial", tmp_path / ".b.partial"
    for left in (stale, young):
        left.mkdir()
    os.utime(stale, (1, 1))
    ids = [f"20261123T12000{second}Z-4711-aaaaaa" for second in range(5)]
    for name in ids:
        options = capture.CaptureOptions(tmp_path, keep=2)
        assert act("capture", about(victim.pid, id=name), options).status is StepStatus.DONE
    left_over = {"other", "away", young.name, *ids[-2:]}
    assert {entry.name for entry in tmp_path.iterdir()} == left_over


def test_newest_is_kept_after_the_clock_was_set_back(victim: Workload, tmp_path: Path) -> None:
    for year in (2031, 2032, 2026):
        subject = about(victim.pid, id=f"{year}1123T120000Z-4711-aaaaaa")
        ended = act("capture", subject, capture.CaptureOptions(tmp_path, keep=2))
        assert ended.evidence is not None
        assert (ended.evidence / "manifest.json").exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_folder_that_cannot_be_written_is_a_failure(victim: Workload, tmp_path: Path) -> None:
    """Read-only even to root: what permissions are to others."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], check=True)
    try:
        ended = act("capture", about(victim.pid), capture.CaptureOptions(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert ended.status is StepStatus.FAILED
    assert ended.detail.endswith("Read-only file system")


def test_folder_that_cannot_be_made_is_a_failure(victim: Workload) -> None:
    options = capture.CaptureOptions(Path("/proc/ebpftrace"))
    ended = act("capture", about(victim.pid), options)
    assert ended.status is StepStatus.FAILED
    assert "/proc/ebpftrace" in ended.detail


def test_cancelled_capture_says_that_it_is_not_complete(
    victim: Workload, tmp_path: Path
) -> None:
    cancelled = threading.Event()
    cancelled.set()
    subject = about(victim.pid)
    capture.capture(subject, capture.CaptureOptions(tmp_path), cancelled)
    manifest = json.loads((tmp_path / subject.id / "manifest.json").read_bytes())
    assert manifest["complete"] is False
    assert manifest["parts"] == []
