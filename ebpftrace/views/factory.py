"""Opens the view for an output by its name. Rich is imported for the table only."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TextIO, cast

from ebpftrace.host.ready import wait_readable
from ebpftrace.views.pipe.waiter import OutputWaiter

if TYPE_CHECKING:
    from ebpftrace.act.fuse.events import UserCommand
    from ebpftrace.ledger import LossNote
    from ebpftrace.views import View
    from ebpftrace.views.dashboard.model.state import DashboardState

Output = Literal["table", "plain", "jsonl"]

_CANNOT_REDRAW = {"", "dumb", "unknown"}  # values of TERM


class ViewWaiter(OutputWaiter, Protocol):
    """What the views need of the watch's `engine.waiting.waiter.Waiter`."""

    def wait_until_readable(self, fd: int, seconds: float) -> bool:
        """Wait until `fd` is readable, for so many seconds at most; whether it is."""


def open_view(
    name: Output,
    stdout: TextIO,
    quit: Callable[[], None] = lambda: None,  # noqa: A002
    waiter: ViewWaiter | None = None,
    send: Callable[[UserCommand], None] = lambda _: None,
    *,
    live: bool = True,
    changes: bool = False,
    state: DashboardState | None = None,
) -> View:
    """The view `name`, writing to `stdout` and flushing after every update.

    A table is the dashboard where `stdout` is a terminal that can redraw and `live` is
    true; elsewhere one table follows another. The dashboard calls `quit` when the user
    quits, and `send` with a command for a stopped process.
    `changes` is for JSON Lines: see docs/jsonl.md. `state` is the first one of a table:
    another sort order, for example.
    With a `waiter`, no output other than the dashboard waits for its reader, and the
    dashboard waits there until the terminal is restored. Characters
    that the encoding of `stdout` lacks become `?`.
    """
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="replace")
    redraws = live and stdout.isatty() and os.environ.get("TERM", "") not in _CANNOT_REDRAW
    if name == "table" and redraws:
        from ebpftrace.views.dashboard.live import Dashboard

        try:
            wait = wait_readable if waiter is None else waiter.wait_until_readable
            return Dashboard(stdout, quit, send, wait, state)
        except OSError:
            pass  # the terminal has no name here (another mount of /dev/pts)
    if name == "jsonl":
        from ebpftrace.views import jsonl

        if waiter is not None and _has_descriptor(stdout):
            from ebpftrace.views.pipe.output import NonBlockingOutput

            out = NonBlockingOutput(stdout, waiter, jsonl.loss_text)
            return jsonl.JsonLines(
                out.write, out.write_routine, out.write_routine_parts, changes=changes
            )
        return jsonl.JsonLines(*_writers(stdout, None, jsonl.loss_text), changes=changes)
    from ebpftrace.views import plain

    if name == "plain":
        return plain.PlainLines(*_writers(stdout, waiter, plain.loss_text))
    from ebpftrace.views.pipe.output import NonBlockingOutput
    from ebpftrace.views.table import Tables

    if waiter is None or not _has_descriptor(stdout):
        return Tables(stdout, state)
    return Tables(cast(TextIO, NonBlockingOutput(stdout, waiter, plain.loss_text)), state)


def _writers(
    stdout: TextIO, waiter: OutputWaiter | None, format_loss: Callable[[LossNote], str]
) -> tuple[Callable[[str], object], Callable[[str], object]]:
    """Functions that write important records, and routine ones."""
    if waiter is not None and _has_descriptor(stdout):
        from ebpftrace.views.pipe.output import NonBlockingOutput

        out = NonBlockingOutput(stdout, waiter, format_loss)
        return out.write, out.write_routine

    def write(text: str) -> None:
        stdout.write(text)
        stdout.flush()

    return write, write


def _has_descriptor(stdout: TextIO) -> bool:
    try:
        stdout.fileno()
    except OSError:
        return False
    return True


def open_screenshot(path: Path, width: int, height: int) -> View:
    """A view that draws one frame of the dashboard into a file when the watch ends."""
    from ebpftrace.views.dashboard.screenshot import Screenshot

    return Screenshot(path, width, height)
