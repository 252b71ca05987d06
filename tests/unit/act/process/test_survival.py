"""Surviving a node without memory: OOM scores in a fake file, real memory locks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.act.process.survival import SCORE, lower_oom_score, ordinary_score

LOCKED = """
from pathlib import Path
from ebpftrace.act.process.survival import lock_memory
def size(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
before = size("VmRSS")
print(repr(lock_memory()), size("VmLck"), size("VmRSS") - before)
"""


STILL = """
import gc
from ebpftrace.act.process.survival import freeze_gc
loop = []
loop.append(loop)
del loop
freeze_gc()
frozen, new = gc.get_freeze_count(), len(gc.get_objects())
loop = []
loop.append(loop)
del loop
print(frozen > 1000, new < frozen / 10, gc.collect() > 0)
"""


def test_score_is_lowered_and_never_raised(tmp_path: Path) -> None:
    file = tmp_path / "oom_score_adj"
    for before, after in ((0, SCORE), (500, SCORE), (-1000, -1000)):
        file.write_text(f"{before}\n")
        assert lower_oom_score(file) == ""
        assert int(file.read_text()) == after


def test_failure_is_explained(tmp_path: Path) -> None:
    assert lower_oom_score(tmp_path / "none").endswith(
        "oom_score_adj: No such file or directory"
    )


def test_hooks_are_started_with_an_ordinary_score(tmp_path: Path) -> None:
    file = tmp_path / "oom_score_adj"
    file.write_text(str(SCORE))
    with pytest.raises(ZeroDivisionError), ordinary_score(file):
        assert int(file.read_text()) == 0
        raise ZeroDivisionError
    assert int(file.read_text()) == SCORE
    file.write_text("300")
    with ordinary_score(file):
        assert int(file.read_text()) == 300


def test_resident_pages_are_locked_and_no_others_are_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOCKED], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    trouble, locked, grown = done.stdout.rsplit(maxsplit=2)
    if "not permitted" in trouble or "Cannot allocate" in trouble:
        pytest.skip(f"needs CAP_IPC_LOCK: {trouble}")
    assert trouble == "''"
    assert int(locked) > 1000
    assert int(grown) < 2000  # KiB


def test_existing_objects_are_exempt_from_collection_and_new_ones_are_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STILL], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "True True True\n"
