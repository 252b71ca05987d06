"""Lines of a file, and lines that a backslash joins."""

from collections.abc import Iterator
from typing import NamedTuple

from ebpftrace.doctor.files.shell import construct_end
from ebpftrace.doctor.files.source import Place, Source


class Line(NamedTuple):
    """A line without its end."""

    number: int  # from 1
    text: str

    def source(self, start: int = 0, end: int | None = None) -> Source:
        """The part of it between two offsets."""
        return Source([self.piece(start, end)])

    def piece(self, start: int = 0, end: int | None = None) -> tuple[str, Place]:
        """The same, as a piece of a Source."""
        return self.text[start:end], Place(self.number, start + 1)


def without_comment(text: str) -> str:
    """The text before a `#` that begins a word and is not quoted."""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at]
        if char == "\\":
            at += 2
        elif char in "'\"":
            at = construct_end(text, at)
        else:
            at += 1
    return text


def joined(lines: Iterator[Line] | list[Line], *, comments_between: bool = False) -> Iterator[
    list[Line]
]:  # fmt: skip
    """Lines that belong together, without comments and the backslashes that join them.

    With `comments_between` a line that is a comment does not end them, as in a Dockerfile.
    """
    group: list[Line] = []
    for line in lines:
        code = without_comment(line.text)
        if comments_between and group and not code.strip():
            continue
        stripped = code.rstrip()
        joins = stripped.endswith("\\") and stripped == line.text.rstrip()
        group.append(Line(line.number, stripped[:-1] + " " if joins else code))
        if not joins:
            yield group
            group = []
    if group:
        yield group


def source_of(group: list[Line], skip: int = 0) -> Source:
    """The text of such lines, without the first `skip` characters."""
    first, *rest = group
    return Source([first.piece(skip), *(line.piece() for line in rest)])
