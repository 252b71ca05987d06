"""A temporary change of an action and how it is undone, also after a crash.

An `Undo` is written to the audit log with the step that made the change, so that the next
start of ebpftrace can undo what the last one could not.
"""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ebpftrace.act.process.identity import RefusedError, Target, open_process
from ebpftrace.errors import EbpftraceError, GoneError
from ebpftrace.events import ProcessKey
from ebpftrace.host import pidfd
from ebpftrace.host.mounts import cgroup_devices


@dataclass(frozen=True, slots=True)
class Undo:
    """Write `value` to the control file `path` with that inode, or resume `targets`.

    `recorded`: it was read from the audit log. Then only a file of a cgroup is written.
    """

    description: str
    path: Path | None = None
    inode: int = 0
    value: str = ""
    targets: tuple[Target, ...] = ()
    before_kill: bool = False  # a frozen process cannot die
    recorded: bool = field(default=False, compare=False)

    def run(self) -> str:
        """Undo it. Returns "", or why that failed."""
        if self.path is not None:
            return self._write(self.path)
        return ", ".join(filter(None, map(_resume, self.targets)))

    def record(self) -> dict[str, Any]:
        """As JSON for the audit log."""
        return {
            "description": self.description,
            "path": None if self.path is None else str(self.path),
            "inode": self.inode,
            "value": self.value,
            "targets": [
                {
                    "pid": target.key.pid,
                    "start_boottime_ns": target.key.start_boottime_ns,
                    "cgroup": target.cgroup,
                    "program": list(target.program),
                }
                for target in self.targets
            ],
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Undo":
        """From the audit log. KeyError, TypeError or ValueError if it is not one."""
        path = None if record["path"] is None else Path(str(record["path"]))
        targets = tuple(map(_target, record["targets"]))
        description, value = str(record["description"]), str(record["value"])
        inode = int(record["inode"])
        return cls(description, path, inode, value, targets, recorded=True)

    def _write(self, path: Path) -> str:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ""  # the cgroup is gone, and its setting with it
        except OSError as error:
            return f"{path}: {error.strerror}"
        try:
            status = os.fstat(fd)
            if self.recorded and status.st_dev not in cgroup_devices():
                return f"{path}: it is no file of a cgroup"
            if status.st_ino != self.inode:
                return ""  # another cgroup of the same name
            os.write(fd, self.value.encode())
        except EbpftraceError as error:  # no /proc
            return error.what
        except OSError as error:
            return f"{path}: {error.strerror}"
        finally:
            os.close(fd)
        return ""


def _target(record: dict[str, Any]) -> Target:
    device, inode = record["program"]
    key = ProcessKey(int(record["pid"]), int(record["start_boottime_ns"]))
    return Target(key, str(record["cgroup"]), (int(device), int(inode)))


def _resume(target: Target) -> str:
    # SIGCONT does no harm, and a process that moved meanwhile must not stay stopped.
    try:
        fd = open_process(target, same_cgroup=False)
    except GoneError:
        return ""
    except RefusedError as error:
        return error.what
    try:
        pidfd.send_signal(fd, signal.SIGCONT)
    finally:
        os.close(fd)
    return ""
