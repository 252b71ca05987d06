"""From the name of an output to its view. Rich is imported for the table only."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TextIO

from ebpftrace.act.fuse import Wish
from ebpftrace.views import View
from ebpftrace.views.output import interruptible

Output = Literal["table", "plain", "jsonl"]

_CANNOT_REDRAW = {"", "dumb", "unknown"}  # values of TERM


def open_view(
    name: Output,
    stdout: TextIO,
    quit: Callable[[], None] = lambda: None,  # noqa: A002
    wait_to_write: Callable[[int], bool] | None = None,
    ask: Callable[[Wish], None] = lambda _: None,
    *,
    live: bool = True,
) -> View:
    """The view `name`, writing to `stdout`, flushed with every update.

    A table is the dashboard on a terminal that can redraw (where a key asks to end the
    watch, `quit` is called, and other keys `ask`), unless `live` is false; elsewhere one
    table follows another.
    With `wait_to_write` (see `interruptible`) no reader holds what is not the dashboard.
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
    out = stdout if wait_to_write is None else interruptible(stdout, wait_to_write)

    def write(text: str) -> None:
        out.write(text)
        out.flush()

    if name == "jsonl":
        from ebpftrace.views.jsonl import JsonLines

        return JsonLines(write)
    if name == "plain":
        from ebpftrace.views.plain import PlainLines

        return PlainLines(write)
    from ebpftrace.views.table import Tables

    return Tables(out)


def open_screenshot(path: Path, width: int, height: int) -> View:
    """One frame of the dashboard, drawn into a file when the watch ends."""
    from ebpftrace.views.dashboard.screenshot import Screenshot

    return Screenshot(path, width, height)
