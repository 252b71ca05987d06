"""The bench of many processes: what it takes from a watch's output, and its quick run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.many import _losses
from bench.scale import FULL


@pytest.mark.parametrize(
    ("line", "losses"),
    [
        (b'{"losses":{"ring_full":3,"history":2},"self":{}}', {"ring_full": 3, "history": 2}),
        (b'"cut":1}],"losses":{},"self":{"rss_bytes":1}}', {}),
        (b'{"args":["\\"losses\\":{}"],"losses":{"runs_full":1},"self":{}}', {"runs_full": 1}),
        (b"", {}),
    ],
)  # fmt: skip
def test_losses_are_those_at_the_end_of_the_record(line: bytes, losses: dict[str, int]) -> None:
    assert _losses(line) == losses


def test_full_run_has_the_sizes_that_the_page_speaks_of() -> None:
    assert FULL.many == ((200, 100, 0), (2000, 500, 0), (10_000, 2000, 0), (10_000, 2000, 200))


@pytest.mark.kernel
def test_quick_run_has_a_row_for_each_size_and_output(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["many", "--quick", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    tables = json.loads(file.read_text())["tables"]
    labels = [
        "8 in 2: --changes", "8 in 2: whole", "8 in 2, 2 change: --changes",
        "8 in 2, 2 change: whole",
    ]  # fmt: skip
    for table in tables:
        assert [row["label"] for row in table["rows"]] == labels
        assert all(row["median"] >= 0 for row in table["rows"])
    assert [table["unit"] for table in tables] == ["%", "MiB", "kB"]
