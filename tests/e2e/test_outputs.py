"""Several outputs of one watch: standard output and a file."""

import json
from pathlib import Path

import pytest

from tests.support.records import run

pytestmark = pytest.mark.kernel


def test_second_output_is_written_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "memory.jsonl"
    watch = ("watch", "--no-config", "--comm", "nothing-has-this", "--once")
    done = run(*watch, "--output", "plain", "--output", f"jsonl:{file}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "one reading" in done.stdout
    kinds = [json.loads(line)["type"] for line in file.read_text().splitlines()]
    assert kinds == ["start", "snapshot", "end"]


def test_nothing_is_printed_where_all_outputs_are_files(tmp_path: Path) -> None:
    file = tmp_path / "memory.txt"
    watch = ("watch", "--no-config", "--comm", "nothing-has-this", "--once")
    done = run(*watch, "--output", f"table:{file}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "one reading" in file.read_text()


def test_two_outputs_on_standard_output_are_a_usage_error() -> None:
    done = run("watch", "--output", "plain", "--output", "jsonl")
    assert done.returncode == 2
    assert "two outputs would be written to standard output" in done.stderr
