"""Test processes in sessions of their own, ended with everything they started."""

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

from tests.support.patience import patient

MARK = "EBPFTRACE_TEST_SESSION"
END_SECONDS = patient(30.0)  # a killed process may be waiting for a slow disk


def session_mark() -> dict[str, str]:
    """An environment entry to start a session with: its heirs are known by it."""
    return {MARK: secrets.token_hex(8)}


def end_session(process: subprocess.Popen[bytes], mark: dict[str, str]) -> None:
    """Kill what is left of the session `process` leads, whether or not it still runs.

    A session's number may be another's once the session is empty, so the mark in a
    process's environment is asked for as well. TimeoutError if members keep appearing.
    """
    deadline = time.monotonic() + END_SECONDS
    entry = f"{MARK}={mark[MARK]}".encode()
    if process.returncode is None:
        process.kill()  # not reaped yet: the pid cannot be reused
    while members := [pid for pid in _pids() if _belongs(pid, process.pid, entry)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"session {process.pid} does not end: {members}")
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended in the meantime
        time.sleep(0.005)
    process.wait()


def text_of(file: IO[bytes]) -> str:
    """What a process that has this temporary file for its output wrote so far.

    The offset is the process's too: moving it, as a seek does, would make holes.
    """
    descriptor = file.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _belongs(pid: int, session: int, entry: bytes) -> bool:
    try:
        # A zombie has no environment any more, so it never counts.
        return os.getsid(pid) == session and entry in Path(
            f"/proc/{pid}/environ"
        ).read_bytes().split(b"\0")
    except (ProcessLookupError, FileNotFoundError):
        return False
