"""Living through the fire: scores in a file that stands for oom_score_adj, locks for real."""

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


def test_a_score_is_lowered_and_never_raised(tmp_path: Path) -> None:
    file = tmp_path / "oom_score_adj"
    for before, after in ((0, SCORE), (500, SCORE), (-1000, -1000)):
        file.write_text(f"{before}\n")
        assert lower_oom_score(file) == ""
        assert int(file.read_text()) == after


def test_what_stands_against_it_is_said(tmp_path: Path) -> None:
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


def test_what_is_used_is_locked_and_nothing_is_made_resident() -> None:
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


def test_the_collector_passes_over_what_is_there_and_collects_what_comes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STILL], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "True True True\n"
