"""What the kernel's word on a new process lacks: arguments, program, whether it is meant."""

import contextlib
import fnmatch
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessExited, ProcessKey, ProcessStarted
from ebpftrace.golang import buildinfo
from ebpftrace.host import proc
from ebpftrace.probe import Selection

_TELEMETRY = "** telemetry **"
"""Argument of the crash monitor that Go tools start of themselves.

Source: golang.org/x/telemetry/start.go, `parent`. It has its parent's name and program.
"""


class Tracked:
    """Which of the processes that the kernel side tracks are the ones that are meant.

    `--exe` and `--go-main` look into files, which only user space can; the kernel side
    tracks what might match from its first instruction, and is told to drop it here.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._accepted: set[ProcessKey] = set()
        self._by_pid: dict[int, ProcessKey] = {}
        self.unidentified = 0  # ended before anyone could look into their program

    def accept(self, event: ProcessStarted) -> ProcessStarted | None:
        """The event with all that /proc adds to it, or None: not meant."""
        event = _complete(event)
        follows = self._selection.children and event.parent_pid in self._by_pid
        if not (follows or self._meant(event)):
            return None
        self._accepted.add(event.key)
        self._by_pid[event.key.pid] = event.key
        return event

    def has(self, key: ProcessKey) -> bool:
        """Whether this process was accepted and has not ended."""
        return key in self._accepted

    def forget(self, event: ProcessExited) -> None:
        """The process ended. Its pid may now be another's."""
        self._accepted.discard(event.key)
        if self._by_pid.get(event.key.pid) == event.key:
            del self._by_pid[event.key.pid]

    def __iter__(self) -> Iterator[ProcessKey]:
        return iter(tuple(self._accepted))

    def __len__(self) -> int:
        return len(self._accepted)

    def _meant(self, event: ProcessStarted) -> bool:
        exes, mains = self._selection.exes, self._selection.go_mains
        if exes and not any(fnmatch.fnmatchcase(event.program, exe) for exe in exes):
            return False
        if not mains:
            return True
        info = buildinfo.read(Path(f"/proc/{event.key.pid}/exe"))
        if info is None:
            if proc.read_stat(event.key.pid) is None:
                self.unidentified += 1
            return False
        return any(fnmatch.fnmatchcase(info.main_package, main) for main in mains)


def _complete(event: ProcessStarted) -> ProcessStarted:
    pid = event.key.pid
    # Without CAP_SYS_PTRACE some of /proc is closed: then the kernel's own word stands.
    with contextlib.suppress(NotPermittedError):
        if not event.args or event.args[-1].endswith("…"):
            event = replace(event, args=proc.read_cmdline(pid) or event.args)
        program = proc.read_program(pid)
        # exec's path may be relative, or a script: the link names the file that runs.
        if program is not None:
            event = replace(event, program=program.path)
    if event.args[1:2] == (_TELEMETRY,):
        event = replace(event, role="telemetry")
    return event
