"""The dashboard as a view: hands frozen values to the drawing thread, and handles signals."""

import atexit
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TextIO

from rich.console import Console

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.act.incident.outcome import Outcome
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Snapshot
from ebpftrace.views.activity import activity_line
from ebpftrace.views.dashboard.loop import Loop
from ebpftrace.views.dashboard.mailbox import Mailbox
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.theme import make_theme, signs_of
from ebpftrace.views.dashboard.session import DashboardSession
from ebpftrace.views.dashboard.terminal.painter import Painter
from ebpftrace.views.dashboard.terminal.terminal import Terminal
from ebpftrace.views.entries import Entry, EntryView
from ebpftrace.views.findings import FindingLog
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedProcesses
from ebpftrace.views.summary import summary_lines

_KEPT_OUTCOMES = 16  # repeated after the summary


def terminating_signals() -> list[int]:
    """Signals whose default action ends a process, without those of a fault.

    After a fault (SIGSEGV and the like) the interpreter does not get to run a handler.
    """
    named = (
        signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF,
        signal.SIGXCPU, signal.SIGXFSZ, signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT,
    )  # fmt: skip
    return [*named, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)]


class Dashboard(EntryView):
    """Takes over the terminal of `stdout`. OSError if that terminal cannot be opened.

    Another thread calls `quit` when the user quits, and `send` with a command for a stopped
    process. `wait` is used until the terminal is restored. `state` is the first one. Create it
    on the main thread: it installs signal handlers.
    """

    def __init__(
        self,
        stdout: TextIO,
        quit: Callable[[], None],  # noqa: A002
        send: Callable[[UserCommand], None] = lambda _: None,
        wait: WaitReadable = wait_readable,
        state: DashboardState | None = None,
    ) -> None:
        self._terminal = Terminal(stdout.fileno())
        self._mailbox = Mailbox()
        console = Console(file=stdout)
        colours = None if console.no_color else console.color_system
        signs = signs_of(stdout.encoding, os.environ.get("TERM", ""))
        session = DashboardSession(make_theme(colours, signs))
        session.state = state or session.state
        painter = Painter(colours, stdout.encoding or "utf-8")
        self._loop = Loop(self._terminal, self._mailbox, session, painter, quit, send, wait)
        self._stack = contextlib.ExitStack()
        self._last_words = ""
        self._found = FindingLog()
        self._fuses = StoppedProcesses()
        self._outcomes: deque[Outcome] = deque(maxlen=_KEPT_OUTCOMES)

    def start(self, started: Started) -> None:
        self._mailbox.started = started
        atexit.register(self.stop)
        self._stack.callback(atexit.unregister, self.stop)
        self._stack.callback(self._leave)
        self._stack.enter_context(self._signals())
        self._loop.start()

    def snapshot(self, snapshot: Snapshot) -> None:
        self._mailbox.put_snapshot(snapshot)
        self._check()

    def end(self, snapshot: Snapshot, reason: str) -> None:
        try:
            width = self._terminal.size()[0]
        except OSError:
            width = 80  # the terminal is gone: nothing will be shown
        found, fuses = self._found.above_notice(), self._fuses.summary()
        summary = summary_lines(snapshot, reason, width, found, fuses)
        done = [activity_line(outcome, width) for outcome in self._outcomes]
        self._last_words = "\n".join((*summary, *done, ""))
        self.stop()
        self._check()

    def stop(self) -> None:
        """Restore the terminal. May be called more than once."""
        self._stack.close()

    def _add(self, entry: Entry) -> None:
        if self._fuses.update(entry):
            self._mailbox.put_stopped(self._fuses.stopped)
        if isinstance(entry, Finding):
            self._found.add(entry)
        if isinstance(entry, Outcome):
            self._outcomes.append(entry)
        self._mailbox.put_entry(entry)
        self._check()

    def _leave(self) -> None:
        self._loop.finish(self._last_words)

    def _check(self) -> None:
        failure = self._loop.failure
        if failure is not None:
            raise EbpftraceError(
                "the dashboard failed",
                why=f"{type(failure).__name__}: {failure}",
                fix="this is a bug, please report it; --output plain works without it",
            ) from failure

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle resizing, suspending and resuming, and signals that would end the process.

        A signal that has a handler keeps it; one that is ignored (nohup) stays ignored.
        """
        handlers = {
            signal.SIGWINCH: self._resized,
            signal.SIGTSTP: self._suspend,
            signal.SIGCONT: self._resume,
        }
        old: dict[int, Any] = {
            number: signal.signal(number, handler)
            for number, handler in handlers.items()
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGWINCH
        }
        for number in terminating_signals():
            if signal.getsignal(number) is signal.SIG_DFL:
                old[number] = signal.signal(number, self._die)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _die(self, number: int, _frame: FrameType | None) -> None:
        """Restore the terminal, then let the signal end the process."""
        self._loop.finish("")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        self._loop.resized()

    def _suspend(self, _number: int, _frame: FrameType | None) -> None:
        self._loop.suspend()
        # A shell expects a job that the signal itself stopped. The kernel does not stop an
        # orphaned process group; the terminal is then taken over again at once.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._loop.resume()

    def _resume(self, _number: int, _frame: FrameType | None) -> None:
        """Take the terminal over again; after a SIGSTOP this is the first to run."""
        self._loop.resume()
