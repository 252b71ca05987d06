"""A cgroup that takes neither a limit nor a process never keeps a command from running.

No kernel here refuses that to root: where it is asked to, the cgroup is a folder whose files
refuse what is written to them.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.host.mounts import memory_hierarchy
from tests.support.build import ROOT
from tests.support.patience import patient

pytestmark = pytest.mark.kernel

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


def test_container_that_may_not_change_its_cgroups_runs_the_command(tmp_path: Path) -> None:
    """As containers have it: mounts of their own, the cgroups read-only."""
    mount = memory_hierarchy().mount
    script = f'mount --make-rprivate / && mount -o remount,ro,bind "{mount}" && exec "$@"'
    command = ["sh", "-c", "echo on; exit 3"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-P", "-m",
         "ebpftrace", "run", "--memory", "64MiB", "--", *command],
        cwd=ROOT, text=True, capture_output=True, check=False, timeout=patient(60.0),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "on\n"), done.stderr
    said = " ".join(done.stderr.split())
    assert "no memory cgroup of its own: /sys/fs/cgroup is read-only, and --memory has" in said


def test_where_it_is_required_that_is_an_error(folder: Path) -> None:
    what, why = ended(folder, "required")
    assert what == "the command's memory cannot be limited"
    assert why == "its cgroup says: Input/output error"
