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

from ebpftrace.act.guard import RefusedError, Target, open_process
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey


@dataclass(frozen=True, slots=True)
class Undo:
    """Write `value` to the control file `path` of that inode, or let `target` go on."""

    words: str
    path: Path | None = None
    inode: int = 0
    value: str = ""
    target: Target | None = None
    early: bool = False  # before a process is ended: what is frozen cannot die

    def run(self) -> str:
        """Put it back; "" when that was done, else what was in the way."""
        if self.path is not None:
            return self._write(self.path)
        return self._continue() if self.target is not None else ""

    def record(self) -> dict[str, Any]:
        """As JSON for the audit log."""
        target = self.target
        return {
            "words": self.words,
            "path": None if self.path is None else str(self.path),
            "inode": self.inode,
            "value": self.value,
            "pid": None if target is None else target.key.pid,
            "start_boottime_ns": None if target is None else target.key.start_boottime_ns,
            "cgroup": "" if target is None else target.cgroup,
            "program": [] if target is None else list(target.program),
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Undo":
        """From the audit log. KeyError, TypeError or ValueError if it is no such record."""
        target = None
        if record["pid"] is not None:
            device, inode = record["program"]
            key = ProcessKey(int(record["pid"]), int(record["start_boottime_ns"]))
            target = Target(key, str(record["cgroup"]), (int(device), int(inode)))
        path = None if record["path"] is None else Path(str(record["path"]))
        return cls(
            str(record["words"]), path, int(record["inode"]), str(record["value"]), target
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

    def _continue(self) -> str:
        assert self.target is not None
        # CONT harms nobody, and a process that moved meanwhile must not stay stopped.
        with contextlib.suppress(GoneError):
            try:
                fd = open_process(self.target, same_place=False)
            except RefusedError as error:
                return error.what
            try:
                signal.pidfd_send_signal(fd, signal.SIGCONT)
            except ProcessLookupError:
                return ""
            finally:
                os.close(fd)
        return ""
