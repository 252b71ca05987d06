"""Makefiles: recipes, and variables of make. Source: GNU make's manual, 5.1, 6.5 and 8.14."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.files import shell
from ebpftrace.doctor.files.formats.lines import Line, joined, source_of
from ebpftrace.doctor.files.source import Source, whole
from ebpftrace.doctor.files.statements import Assignment, Statement, word_from

_VARIABLE = re.compile(
    r"(?:[^\t:=][^:=]{0,500}:[ \t]*)?(?:(?:export|override|private)[ \t]+)*"
    r"([A-Za-z_]\w{0,100})[ \t]*(?::{0,3}|\?|\+|!)=[ \t]*"
)
_PREFIX = re.compile(r"\t[ \t]*[@+-]*[ \t]*")
_SHELL = "$(shell "


def statements(lines: list[Line]) -> Iterator[Statement]:
    """What recipes and variables say; `$$` stays as it is."""
    for group in joined(lines):
        source = source_of(group)
        recipe = _PREFIX.match(source.text)
        variable = None if recipe else _VARIABLE.match(source.text)
        if recipe:
            yield from shell.statements(source.part(recipe.end(), len(source.text)))
        elif variable:
            end = max(variable.end(), len(source.text.rstrip()))
            name = whole(source.part(*variable.span(1)))
            yield Assignment(name, word_from(source, variable.end(), end))
        if not recipe:
            yield from _calls(source)


def _calls(source: Source) -> Iterator[Statement]:
    """The commands of `$(shell COMMAND)` outside recipes."""
    at = source.text.find(_SHELL)
    while at >= 0:
        end = shell.construct_end(source.text, at)
        yield from shell.statements(source.part(at + len(_SHELL), end - 1))
        at = source.text.find(_SHELL, end)
