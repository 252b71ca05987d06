"""The one place that waits: for the kernel, signals, a reader that left, and time."""

import contextlib
import select
import signal
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.engine.waiting.signals import Signals
from ebpftrace.engine.waiting.waker import Waker
from ebpftrace.units import NS_PER_SECOND

_GRACE_MS = 500  # for a reader who is slow, once the watch is to end


class Woken(Enum):
    """Why `wait` came back."""

    TIME = "time"
    KERNEL = "kernel"
    ACTION = "action"  # a step of the breaker has news
    STOP = "stop"  # a signal; `Waiting.stopped_by` has it
    QUIT = "quit"  # `Waiting.quit` was called: the key q
    RELOAD = "reload"  # SIGHUP, once `reload_on_hangup` was called
    WISH = "wish"  # a user asks for something: `Waiting.wishes` says what
    PRESSURE = "pressure"  # somebody waits for memory; `Waiting.take_pressed` says who
    READER_LEFT = "reader left"  # nobody reads our output any more


_MOST_URGENT_FIRST = (
    Woken.STOP,
    Woken.READER_LEFT,
    Woken.QUIT,
    Woken.RELOAD,
    Woken.WISH,
    Woken.KERNEL,
    Woken.ACTION,
    Woken.PRESSURE,
)


class Waiting:
    """Takes the signals that stop, between `__enter__` and `__exit__`.

    Made before anything slow begins: from `__enter__` on, an interrupt is noted, and the
    next `wait` says so.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._bell = Waker()
        self._signals = Signals(self._bell.wakeup_fd)
        self._stack = contextlib.ExitStack()
        self._kernel = -1
        self._actions: set[int] = set()
        self._pressed: set[int] = set()
        self._writers: dict[int, Callable[[], bool]] = {}
        self._quit = False
        self._wishes: deque[UserCommand] = deque()

    def __enter__(self) -> "Waiting":
        try:
            self._stack.callback(self._epoll.close)
            self._stack.callback(self._bell.close)
            self._epoll.register(self._bell.fd, select.EPOLLIN)
            self._stack.enter_context(self._signals)
            with contextlib.suppress(OSError, ValueError):  # a file is always ready: no matter
                self._epoll.register(sys.stdout, 0)  # errors and hang-ups only
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def stopped_by(self) -> signal.Signals | None:
        """The signal that ended the watch; None: none did so far."""
        return self._signals.stop

    def quit(self) -> None:
        """Make `wait` come back with QUIT. Any thread may call it, also after the end."""
        self._quit = True
        self._bell.ring()

    def ask(self, wish: UserCommand) -> None:
        """Make `wait` come back with WISH. Any thread may call it, also after the end."""
        self._wishes.append(wish)
        self._bell.ring()

    def wishes(self) -> list[UserCommand]:
        """What was asked for since this was last called, in order."""
        taken: list[UserCommand] = []
        while self._wishes:  # append and popleft are atomic in CPython
            taken.append(self._wishes.popleft())
        return taken

    def listen(self, kernel_fd: int) -> None:
        """Come back when this descriptor has something to read."""
        self._kernel = kernel_fd
        self._epoll.register(kernel_fd, select.EPOLLIN)

    def listen_to_actions(self, fd: int) -> None:
        """Come back when one that runs has news, or somebody asks for one. Any number."""
        self._actions.add(fd)
        self._epoll.register(fd, select.EPOLLIN)

    def listen_to_pressure(self, fd: int) -> None:
        """Come back when this PSI trigger is told of a stall; closing it ends that."""
        self._epoll.register(fd, select.EPOLLPRI)

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        """Have `wait` call `write` when `fd` takes more, until it says nothing is left.

        `wait` may then come back with TIME before its time, and raises what `write` raises.
        """
        self._writers[fd] = write
        self._epoll.register(fd, select.EPOLLOUT)

    def at_end(self, last: Callable[[], None]) -> None:
        """Call this first at `__exit__`, where `wait_to_write` still hears signals."""
        self._stack.callback(last)

    def take_pressed(self) -> set[int]:
        """The triggers that were told of a stall since this was last asked."""
        pressed, self._pressed = self._pressed, set()
        return pressed

    def reload_on_hangup(self) -> None:
        """From here on SIGHUP makes `wait` come back with RELOAD, and ends nothing."""
        self._signals.reload_on_hangup()

    def wait(self, ns: int) -> Woken:
        """Sleep until something happened, `ns` at most."""
        if self._signals.stop is not None:
            return Woken.STOP
        seconds = max(0, ns) / NS_PER_SECOND
        reasons = {self._reason(fd) for fd, _ in self._epoll.poll(seconds)}
        for reason in _MOST_URGENT_FIRST:
            if reason in reasons:
                self._signals.hung_up &= reason is not Woken.RELOAD
                return reason
        return Woken.TIME

    def wait_to_write(self, fd: int) -> bool:
        """Sleep until `fd` takes more, has failed, or the watch was told to end.

        False where it is to end, and `fd` took nothing for half a second more.
        """
        room = select.poll()
        room.register(fd, select.POLLOUT)
        if room.poll(0):
            return True
        rung = False
        either = select.poll()
        either.register(fd, select.POLLOUT)
        either.register(self._bell.fd, select.POLLIN)
        while not (self._signals.stop or self._quit):
            ready = {one for one, _ in either.poll()}
            if self._bell.fd in ready:
                self._bell.answer()
                rung = True
            if fd in ready:
                break
        if rung:  # `wait` is to hear of it too
            self._bell.ring()
        return bool(room.poll(_GRACE_MS))

    def _reason(self, fd: int) -> Woken:
        if fd == self._kernel:
            return Woken.KERNEL
        if fd in self._actions:
            return Woken.ACTION
        if fd in self._writers:
            self._write(fd)
            return Woken.TIME
        if fd == sys.stdout.fileno():
            return Woken.READER_LEFT
        if fd != self._bell.fd:
            self._pressed.add(fd)  # kept: a trigger says it once, whatever woke us as well
            return Woken.PRESSURE
        self._bell.answer()  # the handler ran before: Python runs it between two steps
        if self._signals.stop is not None:
            return Woken.STOP
        if self._quit:
            return Woken.QUIT
        if self._signals.hung_up:
            if self._wishes:
                self._bell.ring()  # the next `wait` has it
            return Woken.RELOAD
        return Woken.WISH if self._wishes else Woken.TIME

    def _write(self, fd: int) -> None:
        left = False
        try:
            left = self._writers[fd]()
        finally:
            if not left:  # nor after an error: it would only come again
                del self._writers[fd]
                self._epoll.unregister(fd)
