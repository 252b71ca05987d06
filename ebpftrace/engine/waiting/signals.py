"""The signals that stop a watch, and SIGHUP, which reloads its policies."""

import signal
import time
from contextlib import ExitStack
from types import FrameType

from ebpftrace.units import NS_PER_SECOND

# One Ctrl-C may arrive twice: `timeout -s INT` signals its child, then the child's group.
_SAME_INTERRUPT_NS = NS_PER_SECOND // 5

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Signals:
    """Handles these signals between `__enter__` and `__exit__`; each writes to `wakeup_fd`.

    A SIGINT after the signal that stopped the watch raises KeyboardInterrupt, wherever the
    program is.
    """

    def __init__(self, wakeup_fd: int) -> None:
        self._wakeup_fd = wakeup_fd
        self._stack = ExitStack()
        self._reloads = False
        self._stopped_ns = 0
        self.stop: signal.Signals | None = None
        self.reload_requested = False
        """Reset by the caller once it reloads."""

    def __enter__(self) -> "Signals":
        for number in _STOPPING:
            if not (number == signal.SIGHUP and _under_nohup()):
                self._stack.callback(signal.signal, number, signal.signal(number, self._note))
        old = signal.set_wakeup_fd(self._wakeup_fd, warn_on_full_buffer=False)
        self._stack.callback(signal.set_wakeup_fd, old)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reload_on_hangup(self) -> None:
        """From here on SIGHUP requests a reload and no longer stops the watch."""
        self._reloads = True
        if _under_nohup():  # a SIGHUP is no hang-up of the terminal then
            signal.signal(signal.SIGHUP, self._note)
            self._stack.callback(signal.signal, signal.SIGHUP, signal.SIG_IGN)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._reloads and number == signal.SIGHUP:
            self.reload_requested = True
        elif self.stop is None:
            self.stop, self._stopped_ns = signal.Signals(number), time.monotonic_ns()
        elif (
            number == signal.SIGINT
            and time.monotonic_ns() - self._stopped_ns > _SAME_INTERRUPT_NS
        ):
            raise KeyboardInterrupt  # the user does not want to wait for an orderly end


def _under_nohup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
