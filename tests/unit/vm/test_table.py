"""tests/vm/table.py: only what ran stands in the table, and what failed stands there too."""

import json
from pathlib import Path

import pytest

from tests.vm.results import keep
from tests.vm.table import page, read

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.kernel.test_memory" name="a" />
<testcase classname="tests.kernel.test_memory" name="b"><failure message="x" /></testcase>
<testcase classname="tests.kernel.test_memory" name="c"><error message="x" /></testcase>
<testcase classname="tests.kernel.test_mappings" name="d"><skipped message="no" /></testcase>
</testsuite></testsuites>"""

FOUND = {
    "release": "6.99-cloud",
    "cgroups": 2,
    "features": {"memory": "rss_stat, exact", "mapping calls": "not counted separately"},
    "remarks": ["it is slow"],
    "means": ["fentry", "kprobe"],
}


def run(folder: Path, **found: object) -> Path:
    """Results of one kernel."""
    folder.mkdir()
    features = FOUND | found
    (folder / "features.json").write_text(json.dumps(features))
    keep(folder.parent / f"{features['release']}.json", JUNIT, whole=True)
    return folder


def test_table_has_a_column_per_kernel_and_a_row_per_feature(tmp_path: Path) -> None:
    columns = [read(run(tmp_path / "a")), read(run(tmp_path / "b", release="4.2", remarks=[]))]
    del columns[1].outcomes["tests/kernel/test_mappings.py"]
    lines = page(columns).splitlines()
    assert "|  | **6.99-cloud** | **4.2** |" in lines
    assert "| memory | rss_stat, exact | rss_stat, exact |" in lines
    assert "| mapping calls by | fentry, kprobe | fentry, kprobe |" in lines
    assert (
        "| `tests/kernel/test_memory.py` | 1 passed, 2 failed | 1 passed, 2 failed |" in lines
    )
    assert "| `tests/kernel/test_mappings.py` | 1 skipped | — |" in lines
    assert "- 6.99-cloud: it is slow." in lines
    assert "## What takes its place where it is missing" in lines


def test_results_of_a_hung_run_are_ignored(tmp_path: Path) -> None:
    (run(tmp_path / "a") / "features.json").unlink()
    with pytest.raises(OSError, match=r"features\.json"):
        read(tmp_path / "a")


def test_each_processor_has_a_table_and_keeps_it_without_results(tmp_path: Path) -> None:
    amd64 = read(run(tmp_path / "6.99"))
    arm64 = read(run(tmp_path / "6.99-arm64-16k", release="6.99-arm64-16k", page_kib=16))
    both = page([amd64, arm64])
    assert both.index("## x86-64") < both.index("| pages | 4 KiB |")
    assert both.index("## aarch64") < both.index("| pages | 16 KiB |")
    assert page([amd64], both) == page([arm64], both) == both
    assert "## aarch64" not in page([amd64])
