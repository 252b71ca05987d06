"""The part of a watch that stops and holds processes, in a process that a test can kill.

`python -m tests.support.holder COMM` answers lines on its stdin, and ends with it:

    watchdog         → watchdog PID
    check            → check WORDS     what happened to the watchdog
    arm PID BYTES    → arm
    hold PID         → hold WORDS      once it has read the record of the stop
    resume PID       → resume          without a bound
    resumed          → resumed PID…    those that other programs resumed
    starve           → starve          uses up all descriptors
    eat              → eat             takes 256 MiB, if it survives that
    close            → close           resumes all, as a watch does that ends in order
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
from typing import Self

from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.descriptors import hold_spares
from ebpftrace.events import FuseBlown, ProcessKey
from ebpftrace.probe import Selection
from tests.support.build import ROOT
from tests.support.observer import Observer

SECONDS = 60.0


class Holder:
    """The test's end of it. What is left of it ends with the block."""

    def __init__(self, comm: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.holder", comm],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid
        self.watchdog = int(self.ask("watchdog"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def send(self, line: str) -> None:
        """Say something that may not be answered."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def ask(self, line: str) -> str:
        """What it answers, without the first word."""
        self.send(line)
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip().partition(" ")[2]

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, or minus the signal that ended it."""
        return self._process.wait(SECONDS)


class _Watch:
    def __init__(self, comm: str) -> None:
        hold_spares()  # as a watch does
        selection = Selection(comms=(comm,))
        self.observer = Observer(selection, watermarks=True, self_pid=os.getpid())
        assert self.observer.probe.fuses is not None
        self.fuses = self.observer.probe.fuses
        self.holding = Holding(self.fuses.fd)
        self.keys: dict[int, ProcessKey] = {}
        self.eaten = bytearray()

    def do(self, command: str, pid: int = 0, size: int = 0) -> object:
        match command:
            case "watchdog":
                return self.holding.watchdog_pid
            case "check":
                return self.holding.check()
            case "arm":
                self.keys[pid] = self.observer.started(pid).key
                self.fuses.arm_process(self.keys[pid], size, 0, signal.SIGSTOP)
            case "hold":
                self.observer.last(FuseBlown, lambda event: event.key == self.keys[pid])
                return self.holding.hold(self.keys[pid])
            case "resume":
                self.fuses.arm_process(self.keys[pid], 0, 0, signal.SIGSTOP)
                self.fuses.clear_stop(self.keys[pid])
                self.holding.resume(self.keys[pid])
            case "resumed":
                return " ".join(str(key.pid) for key in self.holding.resumed_by_others())
            case "starve":
                _take_all_descriptors()
            case "eat":
                self.eaten += b"\1" * (256 << 20)
            case "close":
                self.observer.close()
                self.holding.close()
        return ""


def _take_all_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    with contextlib.suppress(OSError):
        while True:
            os.open(os.devnull, os.O_RDONLY)


def _main() -> None:
    watch = _Watch(sys.argv[1])
    for line in sys.stdin:
        command, *numbers = line.split()
        print(command, watch.do(command, *map(int, numbers)), flush=True)


if __name__ == "__main__":
    _main()
