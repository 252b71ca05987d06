"""Temporary changes are undone, also from the audit log of an earlier start."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from ebpftrace.act.process.identity import Target, identify
from ebpftrace.act.process.undo import Undo
from ebpftrace.events import ProcessKey
from tests.support.incidents import key_of


def undo_of(file: Path) -> Undo:
    return Undo("memory.high", file, file.stat().st_ino, "max", before_kill=False)


def test_control_file_is_written_back(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("100")
    assert undo_of(file).run() == ""
    assert file.read_text() == "max"


def test_file_of_another_cgroup_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("100")
    undo = undo_of(file)
    (tmp_path / "new").write_text("200")
    (tmp_path / "new").rename(file)
    assert undo.run() == ""
    assert file.read_text() == "200"
    file.unlink()
    assert undo.run() == ""


def test_failure_names_the_file(tmp_path: Path) -> None:
    undo = Undo("thawed", tmp_path, tmp_path.stat().st_ino, "0")
    assert undo.run() == f"{tmp_path}: Is a directory"


def test_stopped_process_is_resumed() -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        undo = Undo("continued", targets=(identify(key_of(process.pid)),))
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert undo.run() == ""
        os.waitid(os.P_PID, process.pid, os.WCONTINUED)
        process.kill()
    assert undo.run() == ""  # it has ended


def test_record_of_the_audit_log_is_the_same_undo(tmp_path: Path) -> None:
    target = Target(ProcessKey(4711, 9), "/ci/build-42", (1, 2))
    for undo in (Undo("continued", targets=(target,)), undo_of(tmp_path)):
        assert Undo.of_record(json.loads(json.dumps(undo.record()))) == undo


@pytest.mark.parametrize("record", [{}, {"path": None, "targets": 7}])
def test_other_records_are_refused(record: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        Undo.of_record(record)
