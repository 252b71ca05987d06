"""Programs beside a measurement: none is left, whatever ends the bench."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.process_state import lives, until

BENCH = """
import os, signal, sys, time
from pathlib import Path
from bench.beside import beside

begun = Path(sys.argv[1])
with beside("/bin/sh", "-c", f"echo $$ > {begun}.new; mv {begun}.new {begun}; exec sleep 1000"):
    while not begun.exists():
        time.sleep(0.01)
    os.kill(os.getpid(), int(sys.argv[2]))
"""


def program_after(folder: Path, number: int) -> int:
    """The pid of a program beside a bench that this signal has ended."""
    begun = folder / "begun"
    ended = subprocess.run(
        [sys.executable, "-c", BENCH, str(begun), str(number)],
        check=False, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == -number
    return int(begun.read_text("ascii"))


def test_program_ends_with_a_bench_that_is_killed(tmp_path: Path) -> None:
    pid = program_after(tmp_path, signal.SIGKILL)
    until(lambda: not lives(pid))


def test_program_ends_with_a_bench_that_is_interrupted(tmp_path: Path) -> None:
    pid = program_after(tmp_path, signal.SIGINT)
    until(lambda: not lives(pid))
