"""Reading an audit log with torn lines, or none at all."""

from pathlib import Path

from ebpftrace.act.audit.reader import AuditReader


def test_torn_lines_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    deep = "[" * 200_000
    file.write_text(f'{{"n":1}}\n{{"n":\n[2]\n\n{deep}\n{{"n":3}}\n')
    reading = AuditReader(file)
    assert [record["n"] for record in reading.records()] == [1, 3]
    assert reading.torn == 3


def test_a_missing_log_has_no_records(tmp_path: Path) -> None:
    assert list(AuditReader(tmp_path / "none.jsonl").records()) == []
