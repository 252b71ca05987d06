"""From the name of an output to its view. Rich is imported for the table only."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TextIO

from ebpftrace.views import View

Output = Literal["table", "plain", "jsonl"]

_CANNOT_REDRAW = {"", "dumb", "unknown"}  # values of TERM


def open_view(
    name: Output,
    stdout: TextIO,
    quit: Callable[[], None] = lambda: None,  # noqa: A002
    *,
    live: bool = True,
) -> View:
    """The view `name`, writing to `stdout`, flushed with every update.

    A table is the dashboard on a terminal that can redraw (where a key asks to end the
    watch, `quit` is called), unless `live` is false; elsewhere one table follows another.
    Characters that the encoding of `stdout` lacks become `?`: a locale never ends a watch.
    """
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="replace")

    def write(text: str) -> None:
        stdout.write(text)
        stdout.flush()

    if name == "jsonl":
        from ebpftrace.views.jsonl import JsonLines

        return JsonLines(write)
    if name == "plain":
        from ebpftrace.views.plain import PlainLines

        return PlainLines(write)
    if live and stdout.isatty() and os.environ.get("TERM", "") not in _CANNOT_REDRAW:
        from ebpftrace.views.dashboard.live import Dashboard

        try:
            return Dashboard(stdout, quit)
        except OSError:
            pass  # a terminal without a name here (another mount of /dev/pts)
    from ebpftrace.views.table import Tables

    return Tables(stdout)


def open_screenshot(path: Path, width: int, height: int) -> View:
    """One frame of the dashboard, drawn into a file when the watch ends."""
    from ebpftrace.views.dashboard.screenshot import Screenshot

    return Screenshot(path, width, height)
