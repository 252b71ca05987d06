"""The audit log: torn lines, rotation, a kill, and two writers. (A full disk: tests/kernel.)"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.errors import EbpftraceError
from tests.support.process_state import until


def numbers(file: Path, kept: int = 3) -> list[int]:
    return [record["n"] for record in AuditReader(file, kept).records()]


def write(file: Path, *numbers: int, **settings: int) -> None:
    log = AuditLog(file, **settings)
    try:
        for number in numbers:
            log.write({"n": number})
        assert log.trouble == ""
    finally:
        log.close()


def test_records_are_read_back_in_order_after_restarts(tmp_path: Path) -> None:
    file = tmp_path / "log" / "audit.jsonl"
    write(file, 1, 2)
    write(file, 3)
    assert numbers(file) == [1, 2, 3]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_line_is_in_the_file_before_close(tmp_path: Path) -> None:
    """A crash of the program loses nothing that was written."""
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write({"n": 1})
    assert numbers(tmp_path / "audit.jsonl") == [1]
    log.close()


def test_a_line_is_written_with_the_next(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    log = AuditLog(file)
    log.write({"n": 1}, with_next=True)
    assert numbers(file) == []
    log.write({"n": 2})
    assert numbers(file) == [1, 2]
    log.write({"n": 3}, with_next=True)
    log.close()
    assert numbers(file) == [1, 2, 3]


def test_line_is_written_at_once_and_synced_after_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, synced = tmp_path / "audit.jsonl", list[int]()
    monkeypatch.setattr(os, "fdatasync", lambda _fd: synced.append(len(numbers(file))))
    log = AuditLog(file)
    with log.syncing_after():
        log.write({"n": 1})
        assert numbers(file) == [1]
        log.write({"n": 2})
        assert not log._dirty.is_set()  # the thread sleeps
    until(lambda: bool(synced))
    assert synced[0] == 2
    log.write({"n": 3})
    until(lambda: synced[-1] == 3)
    log.close()


def test_block_in_which_nothing_is_written_wakes_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = list[int]()
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = AuditLog(tmp_path / "audit.jsonl")
    with log.syncing_after():
        pass
    assert not log._dirty.is_set()
    log.close()


WRITER = """
import sys
from pathlib import Path
from ebpftrace.act.audit.log import AuditLog
log = AuditLog(Path(sys.argv[1]), size_bytes=20_000)
number = 0
while True:
    log.write({"n": number, "padding": "x" * 200})
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_and_the_next_continues(
    tmp_path: Path,
) -> None:
    file = tmp_path / "audit.jsonl"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    with writer:
        assert writer.stdout is not None
        for _ in range(150):
            assert writer.stdout.readline()
        writer.kill()
        printed = 150 + len(writer.stdout.readlines())
    reading = AuditReader(file)
    found = [record["n"] for record in reading.records()]
    assert reading.torn == 0
    assert found == list(range(found[0], found[0] + len(found)))  # the oldest are rotated out
    assert found[-1] in (printed - 1, printed)  # the last may be written and not printed
    write(file, -1)
    assert numbers(file)[-1] == -1


@pytest.mark.parametrize("torn", [b'{"n":2', b'{"n":2}', b'{"n":2}\n{"', b"\xff\xfe\0"])
def test_a_torn_last_line_is_terminated_and_skipped(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b'{"n":1}\n' + torn)
    write(file, 3)
    assert numbers(file)[0] == 1
    assert numbers(file)[-1] == 3
    for line in file.read_bytes().splitlines()[-1:]:
        assert json.loads(line) == {"n": 3}


def test_rotation_bounds_the_log_and_keeps_its_order(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    write(file, *range(100), size_bytes=200, kept=2)
    found = numbers(file, kept=2)
    assert found == list(range(found[0], 100))
    assert found[0] > 0  # the oldest are gone
    files = sorted(entry.name for entry in tmp_path.iterdir())
    assert files == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(entry.stat().st_size <= 200 for entry in tmp_path.iterdir())


def test_a_renamed_or_removed_file_is_created_again(tmp_path: Path) -> None:
    """logrotate renames it; the next start would not find the new lines otherwise."""
    file = tmp_path / "log" / "audit.jsonl"
    log = AuditLog(file)
    try:
        log.write({"n": 1})
        file.rename(tmp_path / "log" / "audit.jsonl.1")
        log.write({"n": 2})
        assert numbers(file) == [1, 2]
        shutil.rmtree(file.parent)
        log.write({"n": 3})
        assert numbers(file) == [3]
        file.unlink()
        other = AuditLog(file)  # another ebpftrace creates it first
        log.write({"n": 4})
        assert log.trouble.endswith("another ebpftrace writes to it")
        other.close()
        log.write({"n": 5})
        assert log.trouble == ""
        assert numbers(file) == [4, 5]
    finally:
        log.close()


def test_a_second_writer_is_refused_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    first = AuditLog(file)
    try:
        with pytest.raises(EbpftraceError, match="another ebpftrace") as caught:
            AuditLog(file)
        assert "--audit" in caught.value.fix
    finally:
        first.close()
    write(file, 1)


def test_a_second_writer_is_refused_after_a_rotation_too(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    first = AuditLog(file, size_bytes=20)
    try:
        for number in range(10):
            first.write({"n": number})
        with pytest.raises(EbpftraceError, match="another ebpftrace"):
            AuditLog(file)
    finally:
        first.close()


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EbpftraceError, match="cannot write the audit log"):
        AuditLog(tmp_path / "audit.jsonl")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("file", [Path("/dev/null"), Path("/dev/full")])
def test_a_file_that_cannot_be_read_back_is_refused(file: Path) -> None:
    """Every start would forget the budget."""
    with pytest.raises(EbpftraceError) as caught:
        AuditLog(file)
    assert caught.value.why == "it is not a regular file"
