"""What a file says: commands, and settings of variables and keys."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ebpftrace.doctor.files.source import Source, Word, whole

_ASSIGNMENT = re.compile(r"(?:-e|-E|--env=|--setenv=|--build-arg=)?([A-Za-z_]\w*)\+?=")
_PRINTS = frozenset({"echo", "printf", "grep", "rg", "sed", "awk", "git"})
_RUNNER_FILES = ("GITHUB_ENV", "BASH_ENV")
"""What is printed into them is set for the steps that follow."""


class SimpleCommand(NamedTuple):
    """A simple command; `targets` are the files of its redirections."""

    words: tuple[Word, ...]
    targets: tuple[Word, ...] = ()
    piped: bool = False  # its output goes to the next command


class Assignment(NamedTuple):
    """A variable or key with its value; `parents` are the keys that it is below of."""

    name: Word
    value: Word
    parents: tuple[str, ...] = ()


Statement = SimpleCommand | Assignment


def settings_of(command: SimpleCommand) -> Iterator[Assignment]:
    """`X=1 gopls`, `export X=1`, `env X=1 gopls`, `docker run -e X=1`.

    Of a command that prints its arguments only where they reach a file of variables.
    """
    if command.words[0].text in _PRINTS and not any(
        name in target.text for target in command.targets for name in _RUNNER_FILES
    ):
        return
    for word in command.words:
        if match := _ASSIGNMENT.match(word.text):
            yield _split(word, match.start(1), match.end(1), match.end())


def _split(word: Word, start: int, end: int, value: int) -> Assignment:
    # Offsets in `text` are those in `inside` up to the value: no quote can come before it.
    source = word.inside
    name = whole(source.part(start, end))
    raw = source.part(min(value, len(source.text)), len(source.text))
    return Assignment(name, Word(word.text[value:], raw.place(0), word.end, raw))


def word_from(source: Source, start: int, end: int) -> Word:
    """The part of a text, without the quotes around it."""
    text = source.text[start:end]
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    inside = source.part(start + 1, end - 1) if quoted else source.part(start, end)
    return Word(inside.text, source.place(start), source.place(end), inside)
