"""tests/vm/lock.py: held until the last process that works under it has ended."""

import os
import subprocess
import sys
from pathlib import Path

from tests.vm.paths import ROOT

# What takes the lock, and starts a tool under it or says that it has it.
HOLDER = """
import sys
from pathlib import Path
from tests.vm.lock import locked
from tests.vm.run import run

with locked(Path(sys.argv[1]), "tool"):
    run(["sh", "-c", 'echo begun >"$0"; read word <"$1"; echo ended >"$2"', *sys.argv[2:]])
"""
NEXT = """
import sys
from pathlib import Path
from tests.vm.lock import locked

with locked(Path(sys.argv[1]), "tool"):
    print(Path(sys.argv[2]).read_text())
"""
SECONDS = 60


def test_lock_waits_for_the_machine_of_a_killed_run(tmp_path: Path) -> None:
    lock, begun, proceed, written = (tmp_path / name for name in ("lock", "a", "b", "written"))
    for fifo in (begun, proceed):
        os.mkfifo(fifo)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock, begun, proceed, written], cwd=ROOT
    )
    assert begun.read_text() == "begun\n"
    holder.kill()
    holder.wait()
    following = subprocess.Popen(
        [sys.executable, "-c", NEXT, lock, written],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stderr is not None
    assert following.stderr.readline() == "vm: waiting for another run's tool\n"
    proceed.write_text("on\n")
    assert following.communicate(timeout=SECONDS)[0] == "ended\n\n"
