"""From the name of an output to its view. Rich is imported for the table only."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TextIO, cast

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.ledger import LossNote
from ebpftrace.views import View
from ebpftrace.views.output import Outflow, Waits

Output = Literal["table", "plain", "jsonl"]

_CANNOT_REDRAW = {"", "dumb", "unknown"}  # values of TERM


def open_view(
    name: Output,
    stdout: TextIO,
    quit: Callable[[], None] = lambda: None,  # noqa: A002
    waits: Waits | None = None,
    ask: Callable[[UserCommand], None] = lambda _: None,
    *,
    live: bool = True,
) -> View:
    """The view `name`, writing to `stdout`, flushed with every update.

    A table is the dashboard on a terminal that can redraw (where a key asks to end the
    watch, `quit` is called, and other keys `ask`), unless `live` is false; elsewhere one
    table follows another.
    With `waits` (see `Outflow`) no reader holds what is not the dashboard.
    Characters that the encoding of `stdout` lacks become `?`: a locale never ends a watch.
    """
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="replace")
    redraws = live and stdout.isatty() and os.environ.get("TERM", "") not in _CANNOT_REDRAW
    if name == "table" and redraws:
        from ebpftrace.views.dashboard.live import Dashboard

        try:
            return Dashboard(stdout, quit, ask)
        except OSError:
            pass  # a terminal without a name here (another mount of /dev/pts)
    if name == "jsonl":
        from ebpftrace.views import jsonl

        return jsonl.JsonLines(*_writers(stdout, waits, jsonl.loss_text))
    from ebpftrace.views import plain

    if name == "plain":
        return plain.PlainLines(*_writers(stdout, waits, plain.loss_text))
    from ebpftrace.views.table import Tables

    if waits is None or not _has_descriptor(stdout):
        return Tables(stdout)
    return Tables(cast(TextIO, Outflow(stdout, waits, plain.loss_text)))


def _writers(
    stdout: TextIO, waits: Waits | None, told: Callable[[LossNote], str]
) -> tuple[Callable[[str], object], Callable[[str], object]]:
    """What writes news, and what writes that which a late reader can do without."""
    if waits is not None and _has_descriptor(stdout):
        out = Outflow(stdout, waits, told)
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
    """One frame of the dashboard, drawn into a file when the watch ends."""
    from ebpftrace.views.dashboard.screenshot import Screenshot

    return Screenshot(path, width, height)
