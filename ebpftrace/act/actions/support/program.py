"""A program started for an incident: its output is bounded, and nothing waits for its end."""

import contextlib
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.actions.support.spawn import Child, spawn
from ebpftrace.act.incident.incident import (
    Incident,
    environment,
    facts,
    facts_json,
    prepare_environment,
)
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.survival import ordinary_score
from ebpftrace.act.process.undo import Undo
from ebpftrace.host import pidfd
from ebpftrace.text import clean
from ebpftrace.units import KIB, format_bytes

_CHUNK = 64 * KIB
_CHUNKS_PER_POLL = 16  # a flood of output must not hold up the watch
_LAST_LINE = 160
_DEATH_NS = 500_000_000  # how long SIGKILL may take
_PIPE_NS = 100_000_000  # how long killed processes may take to close the pipe
_LEFT = "a process it started is still running"


def start_program(
    argv: Sequence[str],
    incident: Incident,
    *,
    output_bytes: int,
    added: Mapping[str, str],
) -> Running:
    """Start it with the facts in its environment and on its stdin.

    It leads a session of its own. A program that cannot be started is a failed action.
    """
    known, streams = facts(incident), _take_streams()
    with contextlib.ExitStack() as passed, contextlib.ExitStack() as kept:
        passed.callback(streams.close_passed)
        kept.callback(os.close, streams.pipe)
        # The position of the file stays: it is read from its start.
        os.pwrite(streams.stdin, facts_json(known), 0)
        environ = environment(known, added)
        try:
            with ordinary_score():
                process = spawn(argv, environ, stdin=streams.stdin, output=streams.output)
        except OSError as error:
            return finished(StepStatus.FAILED, f"{clean(argv[0])}: {error.strerror or error}")
        kept.callback(_reap, process)
        kept.callback(_kill, process)  # without a descriptor it could not be polled
        process_fd = pidfd.open_by_pid(process.pid)
        kept.pop_all()
    return RunningProgram(process, process_fd, streams.pipe, output_bytes)


def prepare_program() -> None:
    """Make what the next program needs to start, as far as that is known by now."""
    _prepare_streams()
    prepare_environment()


@dataclass(slots=True)
class RunningProgram:
    """Polled through its pidfd and the pipe it writes to.

    It ends with its first process: what that left running (a daemon, a background job)
    keeps running. A cancelled program is killed with its whole process group.
    """

    process: Child
    pidfd: int
    pipe: int
    output_bytes: int
    output: bytes = b""
    dropped_bytes: int = 0
    open_pipe: bool = True
    give_up_ns: int | None = None  # once cancelled: when what still runs is left behind

    @property
    def fds(self) -> tuple[int, ...]:
        process = () if self._died else (self.pidfd,)
        return (*process, self.pipe) if self.open_pipe else process

    @property
    def undo(self) -> Undo | None:
        return None

    @property
    def due_ns(self) -> int | None:
        return self.give_up_ns

    def poll(self, now_ns: int) -> Ended | None:
        died = pidfd.has_ended(self.pidfd)  # asked first: all its output is there then
        self._read()
        if died and not self._died:
            self.process.wait()  # it is a zombie: this does not wait
            if self.give_up_ns is not None:
                self.give_up_ns = now_ns + _PIPE_NS
        if self.give_up_ns is not None:
            if now_ns < self.give_up_ns and (self.open_pipe or not died):
                return None
            return Ended(StepStatus.FAILED, "killed", self.output)
        if not died:
            return None
        code = self.process.wait()
        status = StepStatus.FAILED if code else StepStatus.DONE
        return Ended(status, self._detail(code), self.output)

    def cancel(self, now_ns: int) -> bool:
        _kill(self.process)
        self.give_up_ns = now_ns + _DEATH_NS
        return True

    def stop(self) -> str:
        left = ""
        if not self._died:
            if self.give_up_ns is None:
                _kill(self.process)
            else:
                left = f"pid {self.process.pid} survives SIGKILL"
            _reap(self.process)
        elif self.give_up_ns is not None and self.open_pipe:
            left = _LEFT
        os.close(self.pidfd)
        os.close(self.pipe)
        return left

    @property
    def _died(self) -> bool:
        return self.process.returncode is not None

    def _read(self) -> None:
        for _ in range(_CHUNKS_PER_POLL):
            if not self.open_pipe:
                return
            try:
                chunk = os.read(self.pipe, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                self.open_pipe = False
                return
            kept = chunk[: self.output_bytes - len(self.output)]
            self.output += kept
            self.dropped_bytes += len(chunk) - len(kept)

    def _detail(self, code: int) -> str:
        detail = f"ended by {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        if self.open_pipe:
            detail += f", {_LEFT}"
        if self.dropped_bytes:
            detail += f", {format_bytes(self.dropped_bytes)} of its output dropped"
        lines = self.output.rstrip().splitlines()
        return f"{detail}: {clean(lines[-1], _LAST_LINE)}" if lines else detail


def _kill(process: Child) -> None:
    """Kill the process group it leads. A session started below it is out of reach."""
    # Not reaped yet, so its group's id cannot be another's.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reap(process: Child) -> None:
    """Wait for a killed process on a thread, so that it does not stay a zombie."""
    with contextlib.suppress(RuntimeError):  # no thread is left
        threading.Thread(target=process.wait, name="reap", daemon=True).start()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True, slots=True)
class _Streams:
    """Descriptors: a program reads `stdin` and writes to `output`; what it wrote is read from
    `pipe`, which never waits."""

    stdin: int  # a file, not a pipe: a hook that never reads it blocks nothing
    output: int
    pipe: int

    @classmethod
    def made(cls) -> "_Streams":
        """OSError where no descriptor is left."""
        with contextlib.ExitStack() as opened:
            stdin = os.memfd_create("ebpftrace-facts", os.MFD_CLOEXEC)
            opened.callback(os.close, stdin)
            pipe, output = os.pipe2(os.O_CLOEXEC)
            opened.pop_all()
        os.set_blocking(pipe, False)
        return cls(stdin, output, pipe)

    def close_passed(self) -> None:
        """Close those that the program has."""
        os.close(self.stdin)
        os.close(self.output)


_prepared: list[_Streams] = []  # one at most


def _prepare_streams() -> None:
    """Make those of the next program, if that is possible and was not done."""
    if not _prepared:
        with contextlib.suppress(OSError):
            _prepared.append(_Streams.made())


def _take_streams() -> _Streams:
    """Those that were prepared, or new ones, to be closed by the caller. OSError."""
    return _prepared.pop() if _prepared else _Streams.made()
