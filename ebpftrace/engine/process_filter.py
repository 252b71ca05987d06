"""What the kernel's word on a new process lacks: arguments, program, whether it is meant."""

import contextlib
import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessExited, ProcessKey, ProcessStarted, StartCause
from ebpftrace.golang import buildinfo
from ebpftrace.golang.telemetry import is_crash_monitor
from ebpftrace.host import proc
from ebpftrace.probe import Selection


class ProcessFilter:
    """Which of the processes that the kernel side tracks are the ones that are meant.

    `--exe` and `--go-main` look into files, which only user space can; the kernel side
    tracks what might match from its first instruction, and is told to drop it here.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._accepted: set[ProcessKey] = set()
        self._by_pid: dict[int, ProcessStarted] = {}
        self._by_file = bool(selection.exes or selection.go_mains)
        self.unidentified = 0  # ended before anyone could look into their program

    def accept(
        self, event: ProcessStarted, executed_since: Callable[[ProcessKey], bool]
    ) -> ProcessStarted | None:
        """The event with all that /proc adds to it, or None: not meant.

        `executed_since` says whether it has become another program: /proc speaks of that.
        It is asked after /proc was read, and only where a program's file decides.
        """
        parent = self._by_pid.get(event.parent_pid)
        if event.how is StartCause.FORK:
            # A copy of its parent; by the time /proc is read it may be something else.
            if parent is not None:
                event = replace(
                    event, program=parent.program, args=parent.args, role=parent.role
                )
            meant = parent is not None or not self._by_file
        else:
            told, event = event, _complete(event)
            meant = not self._by_file or self._meant(event)
            if self._by_file and executed_since(event.key):
                event = told
                meant = self._meant(event, replaced=True)
        if not (meant or (self._selection.children and parent is not None)):
            return None
        self._accepted.add(event.key)
        self._by_pid[event.key.pid] = event
        return event

    def has(self, key: ProcessKey) -> bool:
        """Whether this process was accepted and has not ended."""
        return key in self._accepted

    def forget(self, event: ProcessExited) -> None:
        """The process ended. Its pid may now be another's."""
        self._accepted.discard(event.key)
        known = self._by_pid.get(event.key.pid)
        if known is not None and known.key == event.key:
            del self._by_pid[event.key.pid]

    def __iter__(self) -> Iterator[ProcessKey]:
        return iter(tuple(self._accepted))

    def __len__(self) -> int:
        return len(self._accepted)

    def _meant(self, event: ProcessStarted, *, replaced: bool = False) -> bool:
        exes, mains = self._selection.exes, self._selection.go_mains
        if exes and not any(fnmatch.fnmatchcase(event.program, exe) for exe in exes):
            # A path as exec was given it may be relative: then it says nothing.
            self.unidentified += not event.program.startswith("/")
            return False
        if not mains:
            return True
        # What is gone or another program by now is read by the path it was executed by.
        info = None if replaced else buildinfo.read(Path(f"/proc/{event.key.pid}/exe"))
        if info is None and event.program.startswith("/"):
            info = buildinfo.read(Path(event.program))
        if info is None:
            self.unidentified += not Path(event.program).is_absolute()
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
    if is_crash_monitor(event.args):
        event = replace(event, role="telemetry")
    return event
