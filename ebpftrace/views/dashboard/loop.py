"""The thread that owns the terminal: reads keys and draws, and never blocks the engine."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.errors import UntrustedError
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.mailbox import Mailbox
from ebpftrace.views.dashboard.model.state import Effect
from ebpftrace.views.dashboard.render.picture import as_svg, as_text
from ebpftrace.views.dashboard.save import save
from ebpftrace.views.dashboard.session import DashboardSession
from ebpftrace.views.dashboard.terminal.keys import KeyDecoder
from ebpftrace.views.dashboard.terminal.painter import Painter
from ebpftrace.views.dashboard.terminal.terminal import Terminal

FRAME_NS = NS_PER_SECOND // 4
_ESCAPE_NS = NS_PER_SECOND // 20  # xterm's delay until a lone escape counts as a key
_TIMEOUT_S = 3.0  # longer than the terminal waits before giving up


class Request(Enum):
    """What the engine's thread asks of the loop."""

    SUSPEND = auto()
    RESUME = auto()
    FINISH = auto()


class Loop:
    """Runs between `start` and `finish`; calls `quit` and `send` on its own thread."""

    def __init__(
        self,
        terminal: Terminal,
        mailbox: Mailbox,
        session: DashboardSession,
        painter: Painter,
        quit: Callable[[], None],  # noqa: A002
        send: Callable[[UserCommand], None],
        wait: WaitReadable = wait_readable,
    ) -> None:
        self._terminal = terminal
        self._mailbox = mailbox
        self._session = session
        self._painter = painter
        self._quit = quit
        self._send = send
        self._wait_readable = wait
        self._decoder = KeyDecoder()
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)
        self._request: Request | None = None  # set by the engine's thread
        self._suspended_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._ended_fd = os.eventfd(0, os.EFD_CLOEXEC)  # readable once the terminal is restored
        self._last_words = ""
        self._dirty = True
        self._drawn_ns = 0
        self._escape_ns = 0
        self._suspended = False
        self.failure: Exception | None = None  # a bug; the engine's thread reports it
        self.frames = 0

    def start(self) -> None:
        self._thread.start()

    def suspend(self) -> None:
        """Restore the terminal for a while (Ctrl-Z). Returns when that is done."""
        with contextlib.suppress(BlockingIOError):  # of an earlier one that took too long
            os.eventfd_read(self._suspended_fd)
        self._ask(Request.SUSPEND, self._suspended_fd)

    def resume(self) -> None:
        """Take over the terminal again, and draw everything. Does not wait for that."""
        self._ask(Request.RESUME)

    def finish(self, final_text: str) -> None:
        """Restore the terminal for good, then show `final_text`. May be called again."""
        self._last_words = self._last_words or final_text
        self._ask(Request.FINISH, self._ended_fd)

    def _ask(self, request: Request, done_fd: int = -1) -> None:
        """Wait until `done_fd` is readable, if there is one. A stuck terminal is left."""
        if not self._thread.is_alive():
            return
        self._request = request
        self._mailbox.wake()
        if done_fd >= 0:
            self._wait_readable(done_fd, _TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._terminal.enter()
            while self._turn():
                pass
        except (OSError, EOFError):
            self._quit()  # the terminal is gone
        except Exception as error:
            self.failure = error
            self._quit()
        finally:
            self._terminal.leave(self._last_words)
            for fd in (self._suspended_fd, self._ended_fd):
                os.eventfd_write(fd, 1)

    def _turn(self) -> bool:
        """Wait for something to do, do it, and draw if due. False when the loop is to end."""
        self._wait()
        self._mailbox.woken()
        if not self._handle_request():
            return False
        if self._suspended:
            return True
        self._terminal.flush()
        self._keys()
        box = self._mailbox
        if self._session.update(box.started, box.snapshot, box.take_entries(), box.stopped):
            self._dirty = True
        now = time.monotonic_ns()
        # A slow terminal gets the newest frame once it has taken the previous one.
        if (
            self._dirty
            and not self._terminal.has_unwritten
            and now >= self._drawn_ns + FRAME_NS
        ):
            self._draw(now)
        return True

    def _handle_request(self) -> bool:
        request, self._request = self._request, None
        if request is Request.FINISH:
            return False
        if request is Request.SUSPEND:
            self._terminal.leave()
            self._suspended = True
            os.eventfd_write(self._suspended_fd, 1)
        elif request is Request.RESUME:
            self._terminal.enter()
            self._painter.forget()
            self._suspended, self._dirty = False, True
        return True

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._mailbox.wake_fd, select.POLLIN)
        timeout_ms: float | None = None
        if not self._suspended:
            unwritten = self._terminal.has_unwritten
            poll.register(
                self._terminal.fd, select.POLLIN | (select.POLLOUT if unwritten else 0)
            )
            now = time.monotonic_ns()
            due = []
            if self._dirty and not unwritten:
                due.append(self._drawn_ns + FRAME_NS)
            if self._decoder.incomplete:
                due.append(self._escape_ns + _ESCAPE_NS)
            if (confirm_deadline_ns := self._session.confirm_deadline_ns) is not None:
                due.append(confirm_deadline_ns)
            if due:
                timeout_ms = max(0, min(due) - now) / 1e6 + 1
        poll.poll(timeout_ms)

    def _keys(self) -> None:
        received = self._terminal.read()
        now = time.monotonic_ns()
        if received:
            keys = self._decoder.feed(received)
            self._escape_ns = now
        elif self._decoder.incomplete and now >= self._escape_ns + _ESCAPE_NS:
            keys = self._decoder.flush()
        else:
            return
        for key in keys:
            effect = self._session.press(key)
            self._dirty = True
            if effect is Effect.QUIT:
                self._quit()
            elif effect is Effect.REDRAW:
                self._painter.forget()
            elif effect is Effect.SAVE:
                self._save()
            elif isinstance(effect, UserCommand):
                self._send(effect)

    def _draw(self, now: int) -> None:
        width, height = self._terminal.size()
        frame = self._session.draw(width, height)
        painted = self._painter.paint(frame.lines, width, height)
        self._dirty, self._drawn_ns = False, now
        if painted:
            self.frames += 1
            self._terminal.write(painted)

    def _save(self) -> None:
        width, height = self._terminal.size()
        lines = self._session.draw(width, height).lines
        shown = self._session.shown
        time_ns = shown.time_ns if shown is not None else time.time_ns()
        folder = Path.cwd()
        try:
            texts = {"svg": as_svg(lines, width, "ebpftrace watch"), "txt": as_text(lines)}
            paths = save(folder, time_ns, texts)
        except UntrustedError as error:
            self._session.show_message(f"not saved: {error.why}")
            return
        except OSError as error:
            self._session.show_message(
                f"not saved in {folder}: {os.strerror(error.errno or 0)}"
            )
            return
        self._session.show_message(f"saved {paths[0].name} and .txt in {folder}")

    def resized(self) -> None:
        """Draw again: the terminal has a new size, or another program wrote on it."""
        self._dirty = True
        self._mailbox.wake()
