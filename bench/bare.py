"""The least that a Python process can do at a breach: the bench compares ebpftrace with it.

    bare.py BREACHES LOG HOOK HOOKS

Waits for the pid of a process in the FIFO `BREACHES`, appends two lines to `LOG` that are as
long as those of the audit log, and starts `HOOK HOOKS PID`. It judges nothing and reads
nothing. As ebpftrace it is a real-time process where that is allowed, and so is the hook.
"""

import contextlib
import os
import select
import signal
import struct
import sys
from typing import Any

_LINES = b"x" * 1500 + b"\n" + b"y" * 300 + b"\n"
_PID = struct.Struct("=q")


def main(breaches: str, log: str, hook: str, hooks: str) -> None:
    """Until the bench ends it."""
    first: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        first = {"scheduler": (os.SCHED_FIFO, os.sched_param(1))}
    told = os.open(breaches, os.O_RDWR)
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    epoll = select.epoll()
    epoll.register(told, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        epoll.poll()
        (pid,) = _PID.unpack(os.read(told, _PID.size))
        os.write(lines, _LINES)
        started = os.posix_spawn(
            hook,
            [hook, hooks, str(pid)],
            os.environ,
            setsid=True,
            setsigdef=(signal.SIGPIPE,),
            **first,
        )
        os.waitpid(started, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
