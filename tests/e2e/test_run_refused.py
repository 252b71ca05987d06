"""A cgroup that takes neither a limit nor a process never keeps a command from running.

No kernel here refuses that: the cgroup is a folder whose files refuse what is written to them.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT
from tests.support.patience import patient

PROGRAM = """\
import json, sys
from pathlib import Path
from ebpftrace.errors import EbpftraceError
from ebpftrace.run import around
from ebpftrace.run.cgroup import CommandCgroup
from ebpftrace.run.run import run

around.make_cgroup = lambda: CommandCgroup("/refused", Path(sys.argv[1]), unified=True)
options = around.RunOptions(memory_bytes=1 << 30, require=sys.argv[2] == "required")
try:
    result = run(["sh", "-c", "echo on; exit 3"], options)
    print(json.dumps([result.end.code, result.peak_of, *result.notes]))
except EbpftraceError as error:
    print(json.dumps([error.what, error.why]))
"""


def ended(folder: Path, how: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, folder, how], cwd=ROOT, text=True, check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE,
        timeout=patient(60.0),
    )  # fmt: skip
    *said, found = done.stdout.splitlines()
    assert said == (["on"] if how == "allowed" else [])
    notes: list[Any] = json.loads(found)
    return notes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "refused"
    found.mkdir()
    for name in ("memory.max", "cgroup.procs"):
        (found / name).symlink_to("/proc/version")
    return found


def test_command_runs_and_both_are_said(folder: Path) -> None:
    code, peak_of, *notes = ended(folder, "allowed")
    assert (code, peak_of) == (3, "Its largest process held")
    limit, entered = notes[:2]
    assert limit == "--memory has no effect: its cgroup says: Input/output error"
    assert "no memory cgroup of its own: it cannot be entered: Input/output error" in entered


def test_where_it_is_required_that_is_an_error(folder: Path) -> None:
    what, why = ended(folder, "required")
    assert what == "the command's memory cannot be limited"
    assert why == "its cgroup says: Input/output error"
