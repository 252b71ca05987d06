"""A watch as far as it stops and holds, in a process of its own that a test may kill.

`python -m tests.support.holder COMM` answers lines on its stdin, and ends with it:

    guardian         → guardian PID
    arm PID BYTES    → armed
    hold PID         → held       once the record of its stop was read, and it is held
    eat BYTES        → ate        takes so much memory, if it lives to say so
    close            → closed     lets all go, as a watch does that ends in order
"""

import os
import signal
import subprocess
import sys
from typing import Self

from ebpftrace.act.holding.holding import Holding
from ebpftrace.events import FuseBlown
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
        self.guardian = int(self.ask("guardian"))

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


def _main() -> None:
    selection = Selection(comms=(sys.argv[1],))
    observer = Observer(selection, watermarks=True, self_pid=os.getpid())
    fuses = observer.probe.fuses
    assert fuses is not None
    holding = Holding(fuses.fd)
    eaten = bytearray()
    for line in sys.stdin:
        match line.split():
            case ["guardian"]:
                print("guardian", holding.guardian_pid, flush=True)
            case ["arm", pid, size]:
                key = observer.started(int(pid)).key
                fuses.arm_process(key, int(size), 0, signal.SIGSTOP)
                print("armed", flush=True)
            case ["hold", pid]:
                assert not holding.hold(_stop_of(observer, int(pid)).key)
                print("held", flush=True)
            case ["eat", size]:
                eaten += b"\1" * int(size)
                print("ate", flush=True)
            case ["close"]:
                observer.close()
                holding.close()
                print("closed", flush=True)


def _stop_of(observer: Observer, pid: int) -> FuseBlown:
    return observer.last(FuseBlown, lambda event: event.key.pid == pid)


if __name__ == "__main__":
    _main()
