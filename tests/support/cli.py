"""Runs the command line as a user types it, and judges how it tells an error."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from rich.cells import cell_len

from tests.support.build import ROOT
from tests.support.patience import patient

COLUMNS, LINES = 80, 24
SECONDS = patient(20.0)
SITE = Path(sysconfig.get_path("purelib"))

# Commands for `without_mounts`.
NO_TRACEFS = (
    "while umount -l /sys/kernel/tracing 2>/dev/null; do :; done",
    "while umount -l /sys/kernel/debug 2>/dev/null; do :; done",
)

Done = subprocess.CompletedProcess[str]


def ebpftrace(
    *args: str,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    python: Sequence[str] = (sys.executable, "-m", "ebpftrace"),
    cwd: Path = ROOT,
    stdout: int | IO[str] = subprocess.PIPE,
    seconds: float = SECONDS,
) -> Done:
    """`ebpftrace ARGS…` to its end; `before` is what the command line begins with."""
    return subprocess.run(
        [*before, *python, *args],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=seconds,
        check=False,
    )


def ebpftrace_as_nobody(*args: str) -> Done:
    """The same as a user who has no rights, with the distribution's Python.

    What is imported is copied to where any user may read it: a clone may be root's alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy.chmod(0o755)
        for source in (ROOT / "ebpftrace", ROOT / "bpf", SITE / "click"):
            shutil.copytree(source, copy / source.name)
        return ebpftrace(
            *args,
            before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
            python=("/usr/bin/python3", "-m", "ebpftrace"),
            environment={"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=Path("/"),
        )


def without_mounts(*commands: str) -> list[str]:
    """Run in a mount namespace of its own, after these shell commands."""
    script = " && ".join((*commands, 'exec "$@"'))
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


def without_capabilities(*names: str) -> list[str]:
    """Run as root, but without these capabilities (`bpf`, `sys_admin`)."""
    dropped = ",".join(f"-{name}" for name in names)
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]


def assert_explained(done: Done, code: int) -> str:
    """An error as it should be: its code, what and why or fix, one screen; its text."""
    assert done.returncode == code, done.stderr
    assert not done.stdout
    assert_on_one_screen(done.stderr)
    assert done.stderr.startswith("ebpftrace: "), done.stderr
    assert "\n  fix: " in done.stderr, done.stderr
    return " ".join(done.stderr.split())


def assert_on_one_screen(text: str) -> None:
    """At most 24 lines of 80 columns, nothing raw, and no traceback."""
    assert "Traceback" not in text, text
    lines = text.splitlines()
    assert len(lines) <= LINES, text
    assert max(map(cell_len, lines), default=0) <= COLUMNS, text
    assert all(char.isprintable() or char == "\n" for char in text), ascii(text)
