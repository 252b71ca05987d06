"""A debugger as small as can be: ptrace(2) of one process, from this thread."""

import ctypes
import os
import signal
from typing import Self

_SEIZE, _CONT, _DETACH, _LISTEN = 0x4206, 7, 17, 0x4208
_STOP_EVENT = 128  # PTRACE_EVENT_STOP: it stands, and no signal waits to be passed on
_WALL = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Tracer:
    """Traces a child of ours until the end of the block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._traced = False

    def __enter__(self) -> Self:
        self._ask(_SEIZE)
        self._traced = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._traced:
            os.kill(self._pid, signal.SIGKILL)

    def next_stop(self) -> tuple[signal.Signals, bool]:
        """Wait until it stops; returns the signal, and whether it is stopped already."""
        _, status = os.waitpid(self._pid, _WALL)
        assert os.WIFSTOPPED(status), status
        return signal.Signals(os.WSTOPSIG(status)), status >> 16 == _STOP_EVENT

    def resume(self, number: int = 0) -> None:
        """Let it run, with this signal."""
        self._ask(_CONT, number)

    def let_stand(self) -> None:
        """It stands as it would without a tracer, until SIGCONT comes."""
        self._ask(_LISTEN)

    def detach(self, number: int = 0) -> None:
        """Leave it, with this signal."""
        self._ask(_DETACH, number)
        self._traced = False

    def _ask(self, request: int, data: int = 0) -> None:
        if _libc.ptrace(request, self._pid, None, data) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
