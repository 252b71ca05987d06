"""The one place that waits: for the kernel, signals, a reader that left, and time."""

import contextlib
import select
import signal
import socket
import sys
from collections.abc import Iterator
from enum import Enum
from types import FrameType

from ebpftrace.units import NS_PER_SECOND

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Woken(Enum):
    """Why `wait` came back."""

    TIME = "time"
    KERNEL = "kernel"
    STOP = "stop"  # a signal; `Waiting.signal` has it
    QUIT = "quit"  # `Waiting.quit` was called: the key q
    READER_LEFT = "reader left"  # nobody reads our output any more


class Waiting:
    """Owns the handlers of the signals that stop, between `__enter__` and `__exit__`.

    Made before anything slow begins: from `__enter__` on, an interrupt is noted, and the
    next `wait` says so.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._stack = contextlib.ExitStack()
        self._kernel = -1
        self._quit = False
        self.signal: signal.Signals | None = None

    def __enter__(self) -> "Waiting":
        try:
            self._stack.callback(self._epoll.close)
            self._stack.enter_context(self._signals())
            with contextlib.suppress(OSError, ValueError):  # a file is always ready: no matter
                self._epoll.register(sys.stdout, 0)  # errors and hang-ups only
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def quit(self) -> None:
        """Make `wait` come back with QUIT. Any thread may call it, also after the end."""
        self._quit = True
        with contextlib.suppress(OSError):  # full: it wakes anyhow; closed: nobody waits
            self._ringer.send(b"\0")

    def listen(self, kernel_fd: int) -> None:
        """Come back when this descriptor has something to read."""
        self._kernel = kernel_fd
        self._epoll.register(kernel_fd, select.EPOLLIN)

    def wait(self, ns: int) -> Woken:
        """Sleep until something happened, `ns` at most."""
        if self.signal is not None:
            return Woken.STOP
        seconds = max(0, ns) / NS_PER_SECOND
        reasons = {self._reason(fd) for fd, _ in self._epoll.poll(seconds)}
        for reason in (Woken.STOP, Woken.READER_LEFT, Woken.QUIT, Woken.KERNEL):
            if reason in reasons:
                return reason
        return Woken.TIME

    def _reason(self, fd: int) -> Woken:
        if fd == self._kernel:
            return Woken.KERNEL
        if fd == sys.stdout.fileno():
            return Woken.READER_LEFT
        self._bell.recv(64)  # the handler ran before: Python runs it between two steps
        if self.signal is not None:
            return Woken.STOP
        return Woken.QUIT if self._quit else Woken.TIME

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """A signal that asks to stop is noted; its number wakes the epoll."""
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.setblocking(False)
        self._epoll.register(self._bell, select.EPOLLIN)
        wanted = [n for n in _STOPPING if not (n == signal.SIGHUP and _under_nohup())]
        old = {number: signal.signal(number, self._note) for number in wanted}
        old_wakeup = signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in old.items():
                signal.signal(number, handler)
            self._bell.close()
            self._ringer.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)


def _under_nohup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
