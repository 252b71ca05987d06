"""What a format of `doctor --file` finds in a text."""

from collections.abc import Callable, Iterable

from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand, Statement

Statements = Callable[[list[Line]], Iterable[Statement]]


def found_in(
    statements: Statements, text: str
) -> tuple[list[tuple[str, str, tuple[str, ...]]], list[list[str]]]:
    """Settings, by name, value and parents, and the words of each command."""
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    found = list(statements(lines))
    settings = [
        (one.name.text, one.value.text, one.parents)
        for one in found
        if isinstance(one, Assignment)
    ]
    commands = [
        [word.text for word in one.words] for one in found if isinstance(one, SimpleCommand)
    ]
    return settings, commands
