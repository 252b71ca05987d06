"""From the name of an output to its view. Rich is imported for the table only."""

import io
from typing import Literal, TextIO

from ebpftrace.views import View

Output = Literal["table", "plain", "jsonl"]


def open_view(name: Output, stdout: TextIO) -> View:
    """The view `name`, writing to `stdout`, flushed with every update.

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
    from ebpftrace.views.table import LiveTable

    return LiveTable(stdout)
