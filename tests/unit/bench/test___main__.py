"""The quick run of a bench: it works, and yields ratios. What they are decides nothing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import BENCHES, main
from bench.figures import Table
from bench.observers import DoesNotStartError


@pytest.mark.kernel
def test_quick_storm_bench_yields_every_ratio(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["storms", "--quick", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    tables = json.loads(file.read_text())["tables"]
    assert [table["bench"] for table in tables] == ["touch", "mmap", "brk", "getppid"]
    for table in tables:
        alone, *watched = table["rows"]
        assert len(watched) >= 4
        assert alone["ratio"] is None
        assert all(row["ratio"] > 0 for row in watched)


def test_help_names_every_bench() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80)
    assert shown.exit_code == 0
    said = "".join(shown.output.split())  # a line may end at a hyphen
    assert all(name in said for name in BENCHES)


def test_unknown_bench_is_refused() -> None:
    assert CliRunner().invoke(main, ["nonsense"]).exit_code == 2


def test_observer_that_does_not_start_is_an_error_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(_scale: object) -> list[Table]:
        raise DoesNotStartError("bpftrace does not start: no BPF")

    monkeypatch.setitem(BENCHES, "rss", measure)
    done = CliRunner().invoke(main, ["rss"])
    assert done.exit_code == 1
    assert "Error: bpftrace does not start: no BPF" in done.output


def test_part_of_a_section_is_not_written_to_the_docs() -> None:
    done = CliRunner().invoke(main, ["hotpath", "--docs"])
    assert done.exit_code == 2
    assert "or latency" in done.output
    assert "or storms hotpath" in " ".join(done.output.split())
