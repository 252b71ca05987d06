"""A real file system without room: the audit log and the evidence on a tmpfs of few pages."""

import json
from pathlib import Path

from ebpftrace.act.actions import capture, notify
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import KIB
from tests.support.disks import fill, small_disk
from tests.support.incidents import about, act, incident
from tests.support.workload import Workload


def test_what_the_audit_log_could_not_write_is_written_once_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 64 * KIB) as disk:
        file = disk / "audit.jsonl"
        log = AuditLog(file)
        try:
            log.write({"n": 0})
            filler = fill(disk)
            number = 0
            while not log.trouble:
                number += 1
                log.write({"n": number, "padding": "x" * 100})
            assert log.trouble == "the audit log cannot be written: No space left on device"
            # No half line is left: what is there can be read, and gone on from.
            reading = AuditReader(file)
            assert [one["n"] for one in reading.records()] == list(range(number))
            assert reading.torn == 0
            log.write({"n": number + 1})
            filler.unlink()
            log.write({"n": number + 2})
            assert log.trouble == ""
            assert [one["n"] for one in AuditReader(file).records()] == list(range(number + 3))
        finally:
            log.close()


def test_a_log_that_cannot_be_rotated_gives_up_no_older_one(tmp_path: Path) -> None:
    """There is no inode for a third file."""
    with small_disk(tmp_path / "disk", 64 * KIB, inodes=3) as disk:
        file = disk / "audit.jsonl"
        log = AuditLog(file, size_bytes=4 * KIB, kept=2)
        try:
            for number in range(100):
                log.write({"n": number, "padding": "x" * 100})
        finally:
            log.close()
        assert log.trouble == "the audit log cannot be written: No space left on device"
        assert {one.name for one in disk.iterdir()} == {file.name, f"{file.name}.1"}
        found = [one["n"] for one in AuditReader(file).records()]
        assert found == list(range(len(found)))  # from the first one on
        assert len(found) > 40


def test_evidence_that_does_not_fit_is_cut_to_what_does(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256 * KIB) as disk, Workload("gopls") as workload:
        filler = fill(disk, 64 * KIB)
        subject = about(workload.pid)
        ended = act("capture", subject, capture.CaptureOptions(disk / "incidents"))
        assert ended.status is StepStatus.DONE, ended
        assert "failed" in ended.detail
        folder = disk / "incidents" / subject.id
        manifest = json.loads((folder / "manifest.json").read_bytes())
        errors = {part["name"]: part["error"] for part in manifest["parts"] if part["error"]}
        assert errors
        assert all("No space left" in error for error in errors.values())
        assert (folder / "finding.txt").read_text() == subject.finding.sentence + "\n"
        saved = {part["name"] for part in manifest["parts"] if not part["error"]}
        assert saved == {one.name for one in folder.iterdir()} - {"manifest.json"}
        filler.unlink()


def test_without_any_room_the_capture_fails_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * KIB) as disk, Workload("gopls") as workload:
        (disk / "incidents").mkdir()
        fill(disk)
        ended = act("capture", about(workload.pid), capture.CaptureOptions(disk / "incidents"))
        assert ended.status is StepStatus.FAILED
        assert "No space left on device" in ended.detail
        assert list((disk / "incidents").iterdir()) == []


def test_a_file_to_notify_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * KIB) as disk:
        fill(disk)
        ended = act("notify", incident(), notify.NotifyOptions(file=disk / "subject"))
        assert ended.status is StepStatus.FAILED
        assert "No space left on device" in ended.detail
