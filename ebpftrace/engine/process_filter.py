"""Decides which of the tracked processes match the selection, and completes them from /proc."""

import contextlib
import fnmatch
import shlex
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ebpftrace.descriptors import when_exhausted
from ebpftrace.engine.programs.reader import AskLaterError, ProgramReader
from ebpftrace.engine.programs.undecided import UndecidedProcesses
from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessExited, ProcessKey, ProcessStarted, StartCause
from ebpftrace.golang.telemetry import is_crash_monitor
from ebpftrace.host import proc
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.probe import Selection
from ebpftrace.process_names import executed_name, matches_any

if TYPE_CHECKING:
    from ebpftrace.golang.buildinfo import GoProgram

READER = ProgramReader()
"""The engine's: it is asked at every exec, and stays."""

MOST_REMARKS = 8
"""Programs that are named; a job could make any number of them."""

_Words = tuple[str, tuple[str, ...], str, str]
_MOST_SHARED, _LONGEST_SHARED = 256, 1024  # of the words of processes; characters of arguments


class ProcessFilter:
    """The processes that match the selection and have not ended.

    `--exe` and `--go-main` look into files, which only user space can do: the kernel side
    tracks every process that might match from its first instruction, and the others are
    dropped here.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._words: dict[_Words, _Words] = {}
        self._accepted: dict[ProcessKey, None] = {}  # less than a set of so many
        self._by_pid: dict[int, ProcessStarted] = {}
        self._by_file = bool(selection.exes or selection.go_mains)
        self.undecided = UndecidedProcesses()
        # Ended before their program could be looked into, or it hung, or Go's without its main
        # package.
        self.unidentified = 0
        self._remarks: list[str] = []
        self._remarked: set[str] = set()

    def accept(
        self, event: ProcessStarted, is_unchanged: Callable[[ProcessStarted], bool]
    ) -> ProcessStarted | None:
        """The event with what /proc adds to it; None if the process does not match.

        None also for one that `undecided` has then: ask about it again at the next reading.

        `is_unchanged` says whether the process has executed no other program since, which
        /proc would describe. It is called after /proc was read, and only where a program's
        file decides.
        """
        parent = self._by_pid.get(event.parent_pid)
        if event.how is StartCause.FORK:
            # A copy of its parent; /proc may describe another program by now.
            if parent is not None:
                began_ns = parent.memory_boottime_ns or parent.key.start_boottime_ns
                event = event._replace(
                    program=parent.program, args=parent.args, exec_name=parent.exec_name,
                    memory_boottime_ns=began_ns,
                )  # fmt: skip
            matches = parent is not None or not self._by_file
        else:
            reported, event = event, self._with_role(event, _complete(event))
            try:
                matches = self._is_named(event) and (not self._by_file or self._matches(event))
                if self._by_file and not is_unchanged(reported):
                    event = reported
                    matches = self._matches(event, replaced=True)
            except AskLaterError:
                self.unidentified += not self.undecided.add(reported)
                matches = False
        if not (matches or (self._selection.children and parent is not None)):
            return None
        event = self._share(event)
        self._accepted[event.key] = None
        self._by_pid[event.key.pid] = event
        return event

    def _share(self, event: ProcessStarted) -> ProcessStarted:
        """With the same strings as others that were started alike: they may be thousands."""
        words = event.program, event.args, event.exec_name, event.comm
        if sum(map(len, event.args)) > _LONGEST_SHARED:
            return event
        if len(self._words) >= _MOST_SHARED:
            self._words.clear()
        program, args, exec_name, comm = self._words.setdefault(words, words)
        return event._replace(program=program, args=args, exec_name=exec_name, comm=comm)

    def has(self, key: ProcessKey) -> bool:
        """Whether this process was accepted and has not ended."""
        return key in self._accepted

    def forget(self, event: ProcessExited) -> None:
        """The process ended. Its pid may be reused."""
        self._accepted.pop(event.key, None)
        self.unidentified += self.undecided.forget(event.key)
        known = self._by_pid.get(event.key.pid)
        if known is not None and known.key == event.key:
            del self._by_pid[event.key.pid]

    def take_remarks(self) -> list[str]:
        """What the user should know of processes that were skipped, each fact once."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def __iter__(self) -> Iterator[ProcessKey]:
        return iter(tuple(self._accepted))

    def __len__(self) -> int:
        return len(self._accepted)

    def _with_role(self, reported: ProcessStarted, event: ProcessStarted) -> ProcessStarted:
        """The completed event with its role, which nothing that it does later can change.

        A process can write over its arguments: those of an exec are the kernel's, read
        before its first instruction.
        """
        by_exec = event.how is StartCause.EXEC
        is_child = event.same_program and event.parent_pid in self._by_pid
        if is_child and is_crash_monitor((reported if by_exec else event).args):
            return event._replace(role="telemetry")
        return event

    def _is_named(self, event: ProcessStarted) -> bool:
        """Whether one of its names is selected. Of one that runs already, the kernel side
        knows the name it has now and that of its file, which may be a script's interpreter."""
        comms = self._selection.comms
        if not comms or event.how is not StartCause.FOUND or self._selection.children:
            return True
        escaped = "\\" in event.comm  # not as the kernel compared it
        return escaped or matches_any(comms, (event.comm, event.exec_name))

    def _matches(self, event: ProcessStarted, *, replaced: bool = False) -> bool:
        exes, mains = self._selection.exes, self._selection.go_mains
        if exes and not any(fnmatch.fnmatchcase(event.program, exe) for exe in exes):
            # A path given to exec may be relative: then it says nothing.
            self.unidentified += not event.program.startswith("/")
            return False
        if not mains:
            return True
        # A process that ended or runs another program by now is read by the path it executed.
        program, given_up = None, READER.timeouts
        if not replaced:
            program = _go_program(event.key.pid, proc.program_file(event.key.pid))
        if program is None and READER.timeouts == given_up and event.program.startswith("/"):
            program = _go_program(event.key.pid, Path(event.program))
        if program is None:
            unknown = not Path(event.program).is_absolute() or READER.timeouts > given_up
            self.unidentified += unknown
            return False
        package = program.main_package or ""
        if any(fnmatch.fnmatchcase(package, main) for main in mains):
            return True
        if not package:
            self.unidentified += 1
            self._remark_skipped(event.program, program)
        return False

    def _remark_skipped(self, path: str, program: "GoProgram") -> None:
        lacks = "no build info" if program.main_package is None else "no main package in it"
        if len(self._remarked) < MOST_REMARKS and path not in self._remarked:
            self._remarked.add(path)
            self._remarks.append(
                f"{path} is a Go program with {lacks}, so --go-main skips it; to watch it, use "
                f"--exe {shlex.quote(path)} in a watch of its own"
            )


def _go_program(pid: int, program: Path) -> "GoProgram | None":
    """Read within a bound: the file may be on a file system that hangs."""
    about: Hashable = pid
    if program == proc.program_file(pid) and (found := cached_file_id(program)):
        about = ("device", found[0])  # known without its server
    return READER.program(pid, about, program)


def _complete(event: ProcessStarted) -> ProcessStarted:
    pid = event.key.pid
    # Without CAP_SYS_PTRACE some of /proc is closed: then the kernel's record is all there is.
    with contextlib.suppress(NotPermittedError), when_exhausted():
        if not event.args or event.args[-1].endswith("…"):
            event = event._replace(args=proc.read_cmdline(pid) or event.args)
        program = proc.read_program(pid)
        # exec's path may be relative, or a script: the link names the file that runs.
        if program is not None:
            event = event._replace(program=program)
    if event.how is StartCause.EXEC:
        event = event._replace(exec_name=event.comm)
    else:
        name = executed_name(event.comm, event.program, event.args)
        event = event._replace(exec_name=name)
    return event
