"""An error as a user reads it: what happened, why, and what to do."""

import textwrap

import click

from ebpftrace.errors import EbpftraceError

_WIDTH = 80


def report(error: EbpftraceError) -> int:
    """Print it on stderr, one screen at most, and return its exit code."""
    click.echo(_wrap("ebpftrace: ", error.what), err=True)
    for label, text in (("why: ", error.why), ("fix: ", error.fix)):
        if text:
            click.echo(_wrap(f"  {label}", text), err=True)
    return error.exit_code


def _wrap(label: str, text: str) -> str:
    lines = [
        part
        for line in text.splitlines()[-14:]  # the end of a compiler's output is what matters
        for part in textwrap.wrap(line, _WIDTH - len(label), break_on_hyphens=False)
    ]
    return "\n".join(
        (label if not i else " " * len(label)) + line for i, line in enumerate(lines)
    )
