"""What an action changed for a time, and how it is put back: also after a crash.

An `Undo` is written to the audit log with the step that asks for it, so that the next
start of ebpftrace can put back what the last one could not.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebpftrace.act.process.identity import RefusedError, Target, open_process
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey


@dataclass(frozen=True, slots=True)
class Undo:
    """Write `value` to the control file `path` of that inode, or let `targets` go on."""

    words: str
    path: Path | None = None
    inode: int = 0
    value: str = ""
    targets: tuple[Target, ...] = ()
    early: bool = False  # before a process is ended: what is frozen cannot die

    def run(self) -> str:
        """Put it back; "" when that was done, else what was in the way."""
        if self.path is not None:
            return self._write(self.path)
        return ", ".join(trouble for one in self.targets if (trouble := _continue(one)))

    def record(self) -> dict[str, Any]:
        """As JSON for the audit log."""
        return {
            "words": self.words,
            "path": None if self.path is None else str(self.path),
            "inode": self.inode,
            "value": self.value,
            "targets": [
                {
                    "pid": one.key.pid,
                    "start_boottime_ns": one.key.start_boottime_ns,
                    "cgroup": one.cgroup,
                    "program": list(one.program),
                }
                for one in self.targets
            ],
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Undo":
        """From the audit log. KeyError, TypeError or ValueError if it is no such record."""
        path = None if record["path"] is None else Path(str(record["path"]))
        targets = tuple(map(_target, record["targets"]))
        return cls(
            str(record["words"]), path, int(record["inode"]), str(record["value"]), targets
        )

    def _write(self, path: Path) -> str:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ""  # the cgroup is gone, and its setting with it
        except OSError as error:
            return f"{path}: {error.strerror}"
        try:
            if os.fstat(fd).st_ino != self.inode:
                return ""  # another cgroup of the same name
            os.write(fd, self.value.encode())
        except OSError as error:
            return f"{path}: {error.strerror}"
        finally:
            os.close(fd)
        return ""


def _target(record: dict[str, Any]) -> Target:
    device, inode = record["program"]
    key = ProcessKey(int(record["pid"]), int(record["start_boottime_ns"]))
    return Target(key, str(record["cgroup"]), (int(device), int(inode)))


def _continue(target: Target) -> str:
    # CONT harms nobody, and a process that moved meanwhile must not stay stopped.
    with contextlib.suppress(GoneError, ProcessLookupError):
        try:
            fd = open_process(target, same_place=False)
        except RefusedError as error:
            return error.what
        try:
            signal.pidfd_send_signal(fd, signal.SIGCONT)
        finally:
            os.close(fd)
    return ""
