"""The JSON of a result, and what is read of an earlier one."""

import json
from pathlib import Path

import pytest

from ebpftrace.errors import UsageError
from ebpftrace.run.command import CommandEnd
from ebpftrace.run.record import compared, read_peak, record
from ebpftrace.run.result import RunResult

RESULT = RunResult(("true",), CommandEnd(0, 0, 5), peak_bytes=100 << 20)


def test_peak_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(record(RESULT)), encoding="utf-8")
    assert read_peak(file) == 100 << 20
    share, sentence = compared(RESULT._replace(peak_bytes=150 << 20), 100 << 20)
    assert share == pytest.approx(0.5)
    assert "150 MiB, 50% more than in the run" in sentence
    assert "50% less" in compared(RESULT._replace(peak_bytes=50 << 20), 100 << 20)[1]


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "not what --json writes"), ("[]", "not what --json writes"),
     ('{"peak_bytes": null}', "no peak"), ('{"peak_bytes": "9"}', "no peak"),
     ('{"peak_bytes": 0}', "no peak"),
     pytest.param("[" * 100_000, "not what --json writes", id="too deep")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_peak(file)
    assert why in caught.value.why
    with pytest.raises(UsageError, match="cannot compare"):
        read_peak(tmp_path / "none")
