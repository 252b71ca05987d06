"""What a running gopls itself says of its flags: the output of its `help serve`.

A program that other users could have put there is not run: with root's rights it could do
anything, and outside of its cgroup even with its user's it could do more than the job may.
"""

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from ebpftrace.errors import EbpftraceError
from ebpftrace.host.proc import program_file
from ebpftrace.trusted import open_trusted

_SECONDS = 10.0
_FLAG = re.compile(r"^  -([\w.]+)\S*\n\s+no effect$", re.MULTILINE)
_LIMIT = 64 << 10


def flags_without_effect(pid: int, proc: Path = Path("/proc")) -> frozenset[str]:
    """The flags of which the program of this process says "no effect".

    None of them if others could have changed the program, its mount namespace is not ours, or
    it does not answer within ten seconds.
    """
    with contextlib.suppress(OSError, EbpftraceError, subprocess.SubprocessError):
        fd = _open(pid, proc)
        try:
            return frozenset(_FLAG.findall(_help(fd)))
        finally:
            os.close(fd)
    return frozenset()


def _open(pid: int, proc: Path) -> int:
    """OSError, UntrustedError."""
    if not (proc / f"{pid}/ns/mnt").samefile("/proc/self/ns/mnt"):
        raise OSError("another mount namespace")
    path = program_file(pid, proc).readlink()
    fd = open_trusted("gopls", path, os.O_RDONLY)
    if not os.path.samestat(os.fstat(fd), program_file(pid, proc).stat()):
        os.close(fd)
        raise OSError("another file by now")
    return fd


def _help(fd: int) -> str:
    """Its output. In a home of its own: gopls ends at once where it can make no file cache."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        mode = Path(home) / ".config/go/telemetry/mode"
        mode.parent.mkdir(parents=True)
        mode.write_text("off", encoding="ascii")  # no second process that outlives it
        done = subprocess.run(
            [f"/proc/self/fd/{fd}", "help", "serve"],
            pass_fds=[fd],
            env={"HOME": home, "GOPLSCACHE": home, "TMPDIR": home, "PATH": os.defpath},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    return done.stdout[:_LIMIT].decode("utf-8", "replace")
