"""The man page, from the help of the commands and the table of exit codes.

Source of the macros: man(7).
"""

import inspect
import re
from collections.abc import Iterator, Sequence

import click

from ebpftrace import __version__, errors

_EXIT_STATUS = (
    (0, "The command did what it was asked for, or a watch ended normally."),
    (130, "Interrupted before a watch began, or twice."),
)
_SEE_ALSO = "The documentation in the folder docs of the source distribution."


def man_page(root: click.Group) -> str:
    """The page ebpftrace(1) in man(7) macros, with one subsection per command."""
    lines = [
        f'.TH EBPFTRACE 1 "" "ebpftrace {__version__}" "User Commands"',
        ".SH NAME",
        f"ebpftrace \\- {_escape(_summary(root))}",
        ".SH SYNOPSIS",
        ".B ebpftrace",
        _escape("[OPTIONS] COMMAND [ARGS]..."),
        ".SH DESCRIPTION",
        *_help(root),
        *_epilog(root, headings=("Examples:",)),
        ".SH COMMANDS",
    ]
    for name, command in commands_of(root):
        lines += _command(f"ebpftrace {name}", command)
    lines += [".SH EXIT STATUS", *_exit_status(), ".SH SEE ALSO", _escape(_SEE_ALSO)]
    return "\n".join(lines) + "\n"


def commands_of(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Its commands by name, also those that are imported only when they are run."""
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        yield name, command


def _command(path: str, command: click.Command) -> Iterator[str]:
    """A command's section, then those of its own commands."""
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_escape(path)} {_escape(usage)}"
    yield from _help(command)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:  # arguments have no help
            yield from _tagged(*record)
    yield from _epilog(command)
    if isinstance(command, click.Group):
        for name, child in commands_of(command):
            yield from _command(f"{path} {name}", child)


def _summary(root: click.Group) -> str:
    """The first line of the help, as a phrase: `a memory tracer and …`."""
    first = inspect.cleandoc(root.help or "").splitlines()[0].rstrip(".")
    return first[:1].lower() + first[1:]


def _help(command: click.Command) -> Iterator[str]:
    yield from _paragraphs(inspect.cleandoc(command.help or ""))


def _epilog(command: click.Command, headings: Sequence[str] = ()) -> Iterator[str]:
    """The epilog; with `headings`, only paragraphs that begin with one of them."""
    text = inspect.cleandoc(command.epilog or "")
    for paragraph in re.split(r"\n\s*\n", text):
        content = paragraph.removeprefix("\b\n")
        if not headings or content.startswith(tuple(headings)):
            yield from _paragraphs(paragraph)


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs; one that begins with click's `\\b` keeps its line breaks."""
    for paragraph in filter(None, re.split(r"\n\s*\n", text)):
        yield ".PP"
        if paragraph.startswith("\b\n"):
            yield ".nf"
            yield from map(_escape, paragraph.splitlines()[1:])
            yield ".fi"
        else:
            yield _escape(" ".join(paragraph.split()))


def _tagged(tag: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_escape(tag)}", _escape(" ".join(text.split())))


def _exit_status() -> Iterator[str]:
    kinds = {kind.exit_code: inspect.getdoc(kind) or "" for kind in errors.error_types()}
    kinds[errors.EbpftraceError.exit_code] = "An error without a code of its own."
    for code, text in sorted((*_EXIT_STATUS, *kinds.items())):
        yield from _tagged(str(code), text)


def _escape(text: str) -> str:
    """Text that groff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha")
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text
