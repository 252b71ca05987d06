"""`--output`: which views a watch has, and where each of them writes."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, cast, get_args

import click
from click.shell_completion import CompletionItem

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.trusted.exports import open_export
from ebpftrace.views.factory import Output, open_view

if TYPE_CHECKING:
    from ebpftrace.engine.waiting.waiter import Waiter
    from ebpftrace.views import View

NAMES: tuple[str, ...] = get_args(Output)


class OutputTarget(NamedTuple):
    """One output. `file` None: it is written to standard output."""

    name: Output
    file: Path | None = None


class OutputType(click.ParamType[OutputTarget]):
    """One of NAMES; `NAME:FILE` writes to a file."""

    name = "output"

    def convert(self, value: Any, param: Any, ctx: Any) -> OutputTarget:
        name, colon, file = str(value).partition(":")
        if name not in NAMES:
            names = ", ".join(repr(name) for name in NAMES)
            self.fail(f"{name!r} is not one of {names}.", param, ctx)
        if colon and not file:
            self.fail(f"{value!r} names no file", param, ctx)
        return OutputTarget(cast(Output, name), Path(file) if colon else None)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


def openers(
    targets: Sequence[OutputTarget], *, live: bool, changes: bool = False
) -> "list[Callable[[Waiter], View]]":
    """What opens the view of each target, in this order; of none, standard output's.

    With `live` a table on a terminal is the dashboard; with `changes` JSON Lines have what
    changed. UsageError if two outputs would write to the same place, or `changes` is for none.
    """
    if not targets:
        targets = [OutputTarget("table" if sys.stdout.isatty() else "plain")]
    files = [None if target.file is None else target.file.absolute() for target in targets]
    for file in files:
        if files.count(file) > 1:
            where = "standard output" if file is None else os.fspath(file)
            raise UsageError(
                f"two outputs would be written to {where}",
                fix="name a file for one of them: --output jsonl:FILE",
            )
    if changes and not any(target.name == "jsonl" for target in targets):
        raise UsageError(
            "--changes is for JSON Lines, and no output has them", fix="add --output jsonl"
        )
    return [_opener(target, live=live, changes=changes) for target in targets]


def _opener(target: OutputTarget, *, live: bool, changes: bool) -> "Callable[[Waiter], View]":
    def open_target(waiter: "Waiter") -> "View":
        if target.file is None:
            waiter.add_reader(sys.stdout)
            out = sys.stdout
        else:
            out = _open_file(target.file)
            waiter.at_end(out.close)  # called after the rest of the output was written
        return open_view(
            target.name, out, waiter.quit, waiter, waiter.submit, live=live, changes=changes
        )

    return open_target


def _open_file(file: Path) -> TextIO:
    """Opened as a shell's `>FILE` does, but never waiting for the reader of a FIFO.

    UntrustedError if another user could have root write to another file.
    """
    with contextlib.ExitStack() as stack:
        try:
            fd = open_export("the output", file)
        except OSError as error:
            raise EbpftraceError(
                f"cannot write the output {os.fspath(file)!r}",
                why=error.strerror or str(error),
                fix="choose another place: --output jsonl:FILE",
            ) from error
        stack.callback(os.close, fd)
        out = os.fdopen(fd, "w", encoding="utf-8")
        stack.pop_all()
    return out
