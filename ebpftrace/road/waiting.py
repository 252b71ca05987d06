"""The one place that waits: for the kernel, signals, keys, a reader that left, and time."""

import contextlib
import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from enum import Enum
from types import FrameType

from ebpftrace.units import NS_PER_SECOND

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Woken(Enum):
    """Why `wait` came back."""

    TIME = "time"
    KERNEL = "kernel"
    STOP = "stop"  # a signal; `Waiting.signal` has it
    QUIT = "quit"  # the key q
    RESUMED = "resumed"  # after Ctrl-Z, where the keys are ours
    READER_LEFT = "reader left"  # nobody reads our output any more


_MOST_URGENT_FIRST = (
    Woken.STOP,
    Woken.READER_LEFT,
    Woken.QUIT,
    Woken.RESUMED,
    Woken.KERNEL,
)


class Waiting:
    """Owns the signal handlers and the keys between `__enter__` and `__exit__`.

    Made before anything slow begins: from `__enter__` on, an interrupt is noted, and the
    next `wait` says so.
    """

    def __init__(self, *, keys: bool) -> None:
        self._keys = keys
        self._epoll = select.epoll()
        self._stack = contextlib.ExitStack()
        self._kernel = -1
        self._resumed = False
        self.signal: signal.Signals | None = None

    def __enter__(self) -> "Waiting":
        try:
            self._stack.callback(self._epoll.close)
            self._stack.enter_context(self._signals())
            if self._keys:
                self._stack.enter_context(_unbuffered_keys(self._resume))
                self._epoll.register(sys.stdin, select.EPOLLIN)
            with contextlib.suppress(OSError, ValueError):  # a file is always ready: no matter
                self._epoll.register(sys.stdout, 0)  # errors and hang-ups only
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def listen(self, kernel_fd: int) -> None:
        """Come back when this descriptor has something to read."""
        self._kernel = kernel_fd
        self._epoll.register(kernel_fd, select.EPOLLIN)

    def wait(self, ns: int) -> Woken:
        """Sleep until something happened, `ns` at most."""
        if self.signal is not None:
            return Woken.STOP
        seconds = max(0, ns) / NS_PER_SECOND
        reasons = {self._reason(fd, event) for fd, event in self._epoll.poll(seconds)}
        for reason in _MOST_URGENT_FIRST:
            if reason in reasons:
                return reason
        return Woken.TIME

    def _reason(self, fd: int, event: int) -> Woken:
        if fd == self._kernel:
            return Woken.KERNEL
        if self._keys and fd == sys.stdin.fileno():
            pressed = os.read(fd, 64) if event & select.EPOLLIN else b""
            if not pressed:  # the terminal hung up
                self._epoll.unregister(fd)
            return Woken.QUIT if not pressed or pressed[:1] in b"qQ\x04" else Woken.TIME
        if fd == sys.stdout.fileno():
            return Woken.READER_LEFT
        self._bell.recv(64)  # the handler ran before: Python runs it between two steps
        if self.signal is not None:
            return Woken.STOP
        resumed, self._resumed = self._resumed, False
        return Woken.RESUMED if resumed else Woken.TIME

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """A signal that asks to stop is noted; its number wakes the epoll."""
        self._bell, ringer = socket.socketpair()
        for end in (self._bell, ringer):
            end.setblocking(False)
        self._epoll.register(self._bell, select.EPOLLIN)
        wanted = [n for n in _STOPPING if not (n == signal.SIGHUP and _under_nohup())]
        old = {number: signal.signal(number, self._note) for number in wanted}
        old_wakeup = signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in old.items():
                signal.signal(number, handler)
            self._bell.close()
            ringer.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)

    def _resume(self) -> None:
        self._resumed = True


def _under_nohup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@contextlib.contextmanager
def _unbuffered_keys(resumed: Callable[[], None]) -> Iterator[None]:
    """Keys come one by one and unseen; the terminal is put back, and again after Ctrl-Z."""
    fd = sys.stdin.fileno()
    saved = termios.tcgetattr(fd)

    def resume(_number: int, _frame: FrameType | None) -> None:
        tty.setcbreak(fd, termios.TCSANOW)
        resumed()

    old = signal.signal(signal.SIGCONT, resume)
    tty.setcbreak(fd, termios.TCSANOW)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, old)
        with contextlib.suppress(termios.error):  # the terminal itself is gone
            termios.tcsetattr(fd, termios.TCSANOW, saved)
