"""Prints errors: what happened, why, and how to fix it."""

import click

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.text import COLUMNS, clean, wrap

_MAX_LINES = 14  # the last ones: a compiler's output ends with what matters
_MAX_CHARACTERS = 1000  # per line


def report(error: EbpftraceError) -> int:
    """Print an error on stderr, one screen at most, and return its exit code."""
    click.echo(_wrap("ebpftrace: ", error.what), err=True)
    for label, text in (("why: ", error.why), ("fix: ", error.fix)):
        if text:
            click.echo(_wrap(f"  {label}", text), err=True)
    return error.exit_code


def report_usage(error: click.ClickException) -> int:
    """Print an error that click found in the arguments, and return its exit code."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "ebpftrace"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    message = " ".join(error.format_message().split()).rstrip(".")
    return report(UsageError(message[:1].lower() + message[1:], fix=f"see: {command} --help"))


def _wrap(label: str, text: str) -> str:
    lines = [
        part
        for line in text.splitlines()[-_MAX_LINES:]
        for part in wrap(clean(line, _MAX_CHARACTERS), COLUMNS - len(label))
    ]
    return "\n".join(
        (label if not i else " " * len(label)) + line for i, line in enumerate(lines)
    )
