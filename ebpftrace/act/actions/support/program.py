"""A program started for an incident: its output kept within bounds, its end not waited for."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ebpftrace.act.actions.support.running import Ended, Running, over, readable
from ebpftrace.act.incident.incident import Incident, environment, facts_json
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.survival import ordinary_score
from ebpftrace.act.process.undo import Undo
from ebpftrace.text import clean
from ebpftrace.units import KIB, format_bytes

_CHUNK = 64 * KIB
_CHUNKS_A_POLL = 16  # a flood must not hold up the watch
_LAST_LINE = 160
_LETTING_GO = 10  # times so many ms


def start_program(
    argv: Sequence[str],
    incident: Incident,
    *,
    output_bytes: int,
    added: Mapping[str, str],
) -> Running:
    """Start it with the facts in its environment and on its stdin.

    It leads a session of its own. One that cannot be started is a failed action.
    """
    with contextlib.ExitStack() as passed, contextlib.ExitStack() as kept:
        # A file, not a pipe: a hook that never reads it holds nobody up.
        facts = os.memfd_create("ebpftrace-facts", os.MFD_CLOEXEC)
        passed.callback(os.close, facts)
        os.write(facts, facts_json(incident))
        os.lseek(facts, 0, os.SEEK_SET)
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        passed.callback(os.close, theirs)
        kept.callback(os.close, ours)
        os.set_blocking(ours, False)
        try:
            with ordinary_score():
                process = subprocess.Popen(
                    argv,
                    stdin=facts,
                    stdout=theirs,
                    stderr=theirs,
                    env=environment(incident, added),
                    start_new_session=True,
                )
        except OSError as error:
            return over(StepStatus.FAILED, f"{clean(argv[0])}: {error.strerror or error}")
        kept.callback(_kill, process)  # no descriptor is left to watch it by
        pidfd = os.pidfd_open(process.pid)
        kept.pop_all()
    return RunningProgram(process, pidfd, ours, output_bytes)


@dataclass(slots=True)
class RunningProgram:
    """Polled through its pidfd and the pipe it writes to.

    Its end is the end of the first process: what that left running (a daemon, a job in
    the background) keeps running, but on a timeout its whole process group is killed.
    """

    process: subprocess.Popen[bytes]
    pidfd: int
    pipe: int
    output_bytes: int
    output: bytes = b""
    dropped_bytes: int = 0
    open_pipe: bool = True

    @property
    def fds(self) -> tuple[int, ...]:
        return (self.pidfd, self.pipe) if self.open_pipe else (self.pidfd,)

    @property
    def undo(self) -> Undo | None:
        return None

    @property
    def due_ns(self) -> int | None:
        return None

    def poll(self, now_ns: int) -> Ended | None:
        ended = readable(self.pidfd)  # asked first: what it wrote before its end is there
        self._read()
        if not ended:
            return None
        code = self.process.wait()
        status = StepStatus.FAILED if code else StepStatus.DONE
        return Ended(status, self._detail(code), self.output)

    def stop(self) -> str:
        left = ""
        if self.process.returncode is None:
            died = _kill(self.process)
            self._read_to_its_end()
            if not died:
                left = f"pid {self.process.pid} does not die"
            elif self.open_pipe:
                left = "something of it runs on"
        os.close(self.pidfd)
        os.close(self.pipe)
        return left

    def _read_to_its_end(self) -> None:
        """Those that were killed take a moment to let go of the pipe."""
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        for _ in range(_LETTING_GO):
            self._read()
            if not self.open_pipe:
                return
            poll.poll(_LETTING_GO)

    def _read(self) -> None:
        for _ in range(_CHUNKS_A_POLL):
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
        told = f"ended by {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        if self.open_pipe:
            told += ", something of it runs on"
        if self.dropped_bytes:
            told += f", {format_bytes(self.dropped_bytes)} of its output dropped"
        lines = self.output.rstrip().splitlines()
        return f"{told}: {clean(lines[-1], _LAST_LINE)}" if lines else told


def _kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill its group, which it leads: whether it died. A session below is out of reach."""
    # Not reaped yet, so that its group's id is still its own.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.5)
        return True
    return False


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
