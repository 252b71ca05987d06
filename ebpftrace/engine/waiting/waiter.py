"""Where the engine's thread waits: for the kernel, actions, signals, users and time."""

import contextlib
import select
import signal
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, TextIO

from ebpftrace.descriptors import with_spares
from ebpftrace.engine.waiting.clock import SystemTime, TimeSource
from ebpftrace.engine.waiting.priority import TurnPriority
from ebpftrace.engine.waiting.signals import Signals
from ebpftrace.engine.waiting.waker import Waker
from ebpftrace.host.ready import is_writable
from ebpftrace.units import NS_PER_SECOND

if TYPE_CHECKING:
    from ebpftrace.act.fuse.events import UserCommand

_GRACE_SECONDS = 0.5  # for a slow reader, once the watch is to end


class WakeReason(Enum):
    """Why `wait` returned."""

    TIME = "time"
    KERNEL = "kernel"
    ACTION = "action"  # a step of the breaker has news, or `ebpftrace thaw` asks
    STOP = "stop"  # a signal; `Waiter.stopped_by` has it
    QUIT = "quit"  # `Waiter.quit` was called: the key q
    RELOAD = "reload"  # SIGHUP, once `reload_on_hangup` was called
    COMMAND = "command"  # `Waiter.commands` has what a user asks for
    PRESSURE = "pressure"  # a PSI trigger fired; `Waiter.take_pressed` has it
    READER_LEFT = "reader left"  # the reader of our standard output closed it


_MOST_URGENT_FIRST = (
    WakeReason.STOP,
    WakeReason.READER_LEFT,
    WakeReason.QUIT,
    WakeReason.RELOAD,
    WakeReason.COMMAND,
    WakeReason.KERNEL,
    WakeReason.ACTION,
    WakeReason.PRESSURE,
)


class Waiter:
    """Handles the signals that stop a watch between `__enter__` and `__exit__`.

    Enter it before anything slow begins: a signal that arrives from then on is noted, and
    the next `wait` returns STOP.
    """

    def __init__(self, time: TimeSource | None = None) -> None:
        self._time = time or SystemTime()
        self._epoll = select.epoll()
        self._waker = Waker()
        self._signals = Signals(self._waker.wakeup_fd)
        self._stack = contextlib.ExitStack()
        self._kernel: set[int] = set()
        self._reader = -1
        self._actions: set[int] = set()
        self._pressed: set[int] = set()
        self._writers: dict[int, Callable[[], bool]] = {}
        self._priority: TurnPriority | None = None
        self._quit = False
        self._commands: deque[UserCommand] = deque()

    def __enter__(self) -> "Waiter":
        try:
            self._stack.callback(self._epoll.close)
            self._stack.callback(self._waker.close)
            self._epoll.register(self._waker.fd, select.EPOLLIN)
            self._stack.enter_context(self._signals)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def stopped_by(self) -> signal.Signals | None:
        """The signal that stops the watch; None: there was none so far."""
        return self._signals.stop

    @property
    def is_stopping(self) -> bool:
        """Whether the watch is to end, by a signal or `quit`."""
        return self._quit or self._signals.stop is not None

    def quit(self) -> None:
        """Make `wait` return QUIT. Callable from any thread, also after the end."""
        self._quit = True
        self._waker.wake()

    def submit(self, command: "UserCommand") -> None:
        """Make `wait` return COMMAND. Callable from any thread, also after the end."""
        self._commands.append(command)
        self._waker.wake()

    def commands(self) -> "list[UserCommand]":
        """The commands since the last call, in order."""
        taken: list[UserCommand] = []
        while self._commands:  # append and popleft are atomic in CPython
            taken.append(self._commands.popleft())
        return taken

    def add_kernel(self, fd: int) -> None:
        """Return KERNEL when this descriptor is readable. Any number of them."""
        self._kernel.add(fd)
        self._epoll.register(fd, select.EPOLLIN)

    def add_reader(self, stdout: TextIO) -> None:
        """Return READER_LEFT once the pipe or terminal behind it was closed by its reader."""
        with contextlib.suppress(OSError, ValueError):  # a regular file has no reader
            self._epoll.register(stdout, 0)  # errors and hang-ups only
            self._reader = stdout.fileno()

    def add_action(self, fd: int) -> None:
        """Return ACTION when this descriptor is readable. Any number of them."""
        self._actions.add(fd)
        self._epoll.register(fd, select.EPOLLIN)

    def add_pressure(self, fd: int) -> None:
        """Return PRESSURE when this PSI trigger fires; closing it removes it."""
        self._epoll.register(fd, select.EPOLLPRI)

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        """Have `wait` call `write` when `fd` is writable, until that returns False.

        `wait` may then return TIME early, and raises what `write` raises.
        """
        self._writers[fd] = write
        self._epoll.register(fd, select.EPOLLOUT)

    def at_end(self, last: Callable[[], None]) -> None:
        """Call this first at `__exit__`, where `wait_to_write` still notices signals."""
        self._stack.callback(last)

    def take_pressed(self) -> set[int]:
        """The PSI triggers that fired since the last call."""
        pressed, self._pressed = self._pressed, set()
        return pressed

    def reload_on_hangup(self) -> None:
        """From here on SIGHUP makes `wait` return RELOAD and no longer stops the watch."""
        self._signals.reload_on_hangup()

    def add_priority(self, priority: TurnPriority) -> None:
        """Tell it of each `wait` that has ended."""
        self._priority = priority

    def wait(self, ns: int) -> WakeReason:
        """Sleep until something happens, `ns` at most."""
        if self._signals.stop is not None:
            return WakeReason.STOP
        ready = self._time.poll(self._epoll, max(0, ns) / NS_PER_SECOND)
        if self._priority is not None:
            self._priority.waited()
        reasons = {self._reason(fd) for fd, _ in ready}
        for reason in _MOST_URGENT_FIRST:
            if reason in reasons:
                self._signals.reload_requested &= reason is not WakeReason.RELOAD
                return reason
        return WakeReason.TIME

    def wait_until_readable(self, fd: int, seconds: float) -> bool:
        """Sleep until `fd` is readable, for so many seconds at most; whether it is.

        For what must be finished before the watch ends or is suspended; callable from a
        signal handler, and after the end. Events of the kernel wait meanwhile. Signals are
        handled: a second Ctrl-C raises KeyboardInterrupt.
        """
        with with_spares(select.epoll) as epoll:
            epoll.register(fd, select.EPOLLIN)
            return bool(self._time.poll(epoll, seconds))

    def wait_to_write(self, fd: int) -> bool:
        """Sleep until `fd` is writable, has failed, or the watch is to end.

        False if it is to end and `fd` did not become writable within another half second.
        """
        if is_writable(fd):
            return True
        with with_spares(select.epoll) as epoll:
            epoll.register(fd, select.EPOLLOUT)
            epoll.register(self._waker.fd, select.EPOLLIN)
            woken = False
            while not (self._signals.stop or self._quit):
                ready = {ready for ready, _ in self._time.poll(epoll, None)}
                if self._waker.fd in ready:
                    self._waker.clear()
                    woken = True
                if fd in ready:
                    break
            if woken:  # `wait` has yet to learn of it
                self._waker.wake()
            epoll.unregister(self._waker.fd)
            return bool(self._time.poll(epoll, _GRACE_SECONDS))

    def _reason(self, fd: int) -> WakeReason:
        if fd in self._kernel:
            return WakeReason.KERNEL
        if fd in self._actions:
            return WakeReason.ACTION
        if fd in self._writers:
            self._write(fd)
            return WakeReason.TIME
        if fd == self._reader:
            return WakeReason.READER_LEFT
        if fd != self._waker.fd:
            self._pressed.add(fd)  # kept: a trigger fires once, whatever else is more urgent
            return WakeReason.PRESSURE
        self._waker.clear()  # signal handlers have run: Python runs them between two steps
        if self._signals.stop is not None:
            return WakeReason.STOP
        if self._quit:
            return WakeReason.QUIT
        if self._signals.reload_requested:
            if self._commands:
                self._waker.wake()  # for the next `wait`
            return WakeReason.RELOAD
        return WakeReason.COMMAND if self._commands else WakeReason.TIME

    def _write(self, fd: int) -> None:
        more = False
        try:
            more = self._writers[fd]()
        finally:
            if not more:  # nor after an error, which would only repeat
                del self._writers[fd]
                self._epoll.unregister(fd)
