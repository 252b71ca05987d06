"""An error as a user reads it: what happened, why, and what to do."""

import click

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.text import COLUMNS, clean, wrap

_MOST_LINES = 14  # the end of a compiler's output is what matters
_MOST_LETTERS = 1000  # of one line


def report(error: EbpftraceError) -> int:
    """Print it on stderr, one screen at most, and return its exit code."""
    click.echo(_wrap("ebpftrace: ", error.what), err=True)
    for label, text in (("why: ", error.why), ("fix: ", error.fix)):
        if text:
            click.echo(_wrap(f"  {label}", text), err=True)
    return error.exit_code


def report_usage(error: click.ClickException) -> int:
    """What click finds wrong with an option or argument, said like every other error."""
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
        for line in text.splitlines()[-_MOST_LINES:]
        for part in wrap(clean(line, _MOST_LETTERS), COLUMNS - len(label))
    ]
    return "\n".join(
        (label if not i else " " * len(label)) + line for i, line in enumerate(lines)
    )
