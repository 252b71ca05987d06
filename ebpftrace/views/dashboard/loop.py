"""The thread that owns the terminal: reads keys, draws, and never keeps the road waiting."""

import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ebpftrace.act.fuse.events import UserCommand
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
_ESCAPE_NS = NS_PER_SECOND // 20  # after it a lone escape is a key: xterm's own is 50 ms
_BOUNDED_S = 3.0  # longer than a terminal that takes nothing is given up on


class Loop:
    """Runs between `start` and `finish`. `quit` is called from its thread, and `ask`."""

    def __init__(
        self,
        terminal: Terminal,
        mailbox: Mailbox,
        session: DashboardSession,
        painter: Painter,
        quit: Callable[[], None],  # noqa: A002
        ask: Callable[[UserCommand], None],
    ) -> None:
        self._terminal = terminal
        self._mailbox = mailbox
        self._session = session
        self._painter = painter
        self._quit = quit
        self._ask_for = ask
        self._decoder = KeyDecoder()
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)
        self._asked = ""  # "away", "back" or "end", by the road's thread
        self._done = threading.Event()  # what was asked is done
        self._last_words = ""
        self._dirty = True
        self._drawn_ns = 0
        self._escape_ns = 0
        self._away = False
        self.failure: Exception | None = None  # a bug of ours; the road's thread tells it
        self.frames = 0

    def start(self) -> None:
        self._thread.start()

    def away(self) -> None:
        """Give the terminal back for a while (Ctrl-Z). Returns when that is done."""
        self._ask("away")

    def back(self) -> None:
        """Take it again, and draw everything."""
        self._ask("back")

    def finish(self, final_text: str) -> None:
        """Give it back for good, with a last text below. Repeatable."""
        self._last_words = self._last_words or final_text
        self._ask("end")
        self._thread.join(_BOUNDED_S)

    def _ask(self, what: str) -> None:
        if not self._thread.is_alive():
            return
        self._done.clear()
        self._asked = what
        self._mailbox.wake()
        self._done.wait(_BOUNDED_S)

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
            self._done.set()

    def _turn(self) -> bool:
        """Wait for something, see to it, draw if it is time. False: it is over."""
        self._wait()
        self._mailbox.woken()
        if not self._answer():
            return False
        if self._away:
            return True
        self._terminal.flush()
        self._keys()
        box = self._mailbox
        if self._session.take(box.started, box.snapshot, box.take_entries(), box.stopped):
            self._dirty = True
        now = time.monotonic_ns()
        # While the terminal is behind nothing is drawn: it gets the newest frame later.
        if self._dirty and not self._terminal.behind and now >= self._drawn_ns + FRAME_NS:
            self._draw(now)
        return True

    def _answer(self) -> bool:
        asked, self._asked = self._asked, ""
        if asked == "end":
            return False
        if asked == "away" and not self._away:
            self._terminal.leave()
            self._away = True
        elif asked == "back":
            self._terminal.enter()
            self._painter.forget()
            self._away, self._dirty = False, True
        if asked:
            self._done.set()
        return True

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._mailbox.wake_fd, select.POLLIN)
        timeout_ms: float | None = None
        if not self._away:
            behind = self._terminal.behind
            poll.register(self._terminal.fd, select.POLLIN | (select.POLLOUT if behind else 0))
            now = time.monotonic_ns()
            due = []
            if self._dirty and not behind:
                due.append(self._drawn_ns + FRAME_NS)
            if self._decoder.waits:
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
        elif self._decoder.waits and now >= self._escape_ns + _ESCAPE_NS:
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
                self._ask_for(effect)

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
        except OSError as error:
            self._session.show_message(
                f"not saved in {folder}: {os.strerror(error.errno or 0)}"
            )
            return
        self._session.show_message(f"saved {paths[0].name} and .txt in {folder}")

    def resized(self) -> None:
        """The terminal has another size, or somebody else wrote on it."""
        self._dirty = True
        self._mailbox.wake()
