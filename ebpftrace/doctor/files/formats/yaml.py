"""YAML of CI systems, compose and Kubernetes, line by line.

Keys with a value on their line are settings. What stands under `run`, `script` and any other
key but those for people is shell, also in block scalars (`|`, `>`), lists (`[gopls, -v]`) and
sequences of single words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ebpftrace.doctor.files import shell
from ebpftrace.doctor.files.formats.lines import Line, joined, source_of, without_comment
from ebpftrace.doctor.files.formats.lists import words_of_list
from ebpftrace.doctor.files.source import Word
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand, Statement, word_from

_DASHES = re.compile(r" *(?:-[ \t]+)*")
_KEY = re.compile(
    r"""("[^"]{1,100}"|'[^']{1,100}'|[A-Za-z_.][\w.@/-]{0,100})[ \t]*:(?:[ \t]+|$)"""
)
_BLOCK = re.compile(r"[|>][0-9+-]{0,2}[ \t]*$")
_FOR_PEOPLE = frozenset(
    {"name", "description", "title", "label", "uses", "if", "image", "id", "message"}
)
_DEEPEST = 64


class _YamlKey(NamedTuple):
    column: int
    key: str


def statements(lines: list[Line]) -> Iterator[Statement]:
    """What its keys set and run."""
    return _YamlReader().read(lines)


class _YamlReader:
    def __init__(self) -> None:
        self._levels: list[_YamlKey] = []
        self._block: list[Line] = []
        self._block_column = -1  # no block
        self._folded = False
        self._words: list[Word] = []  # a sequence of single words
        self._words_column = -1
        self._name: Word | None = None  # of `- name: X`, whose `value:` follows

    def read(self, lines: list[Line]) -> Iterator[Statement]:
        for line in lines:
            indent = len(line.text) - len(line.text.lstrip(" "))
            if self._block_column >= 0:
                if not line.text.strip() or indent > self._block_column:
                    self._block.append(line)
                    continue
                yield from self._end_block()
            code = without_comment(line.text).rstrip()
            if code.strip() and code.strip() not in {"---", "..."}:
                yield from self._line(Line(line.number, code))
        yield from self._end_block()
        yield from self._end_words()

    def _line(self, line: Line) -> Iterator[Statement]:
        found = _DASHES.match(line.text)
        start = found.end() if found else 0
        key = _KEY.match(line.text, start)
        item = "-" in line.text[:start]
        if key is None:
            yield from self._value(line, start, start - 2 if item else start, item=item)
            return
        yield from self._end_words()
        while self._levels and self._levels[-1].column >= start:
            self._levels.pop()
        name = word_from(line.source(), *key.span(1))
        parents = tuple(level.key for level in self._levels)
        if len(self._levels) < _DEEPEST:
            self._levels.append(_YamlKey(start, name.text))
        if item:
            self._name = None
        yield from self._setting(name, line, key.end(), parents)
        if name.text not in _FOR_PEOPLE:
            yield from self._value(line, key.end(), start, item=False)

    def _setting(
        self, name: Word, line: Line, start: int, parents: tuple[str, ...]
    ) -> Iterator[Statement]:
        value = word_from(line.source(), start, len(line.text))
        yield Assignment(name, value, parents)
        if name.text == "name":
            self._name = value
        elif name.text == "value" and self._name is not None:
            yield Assignment(self._name, value, parents)

    def _value(self, line: Line, start: int, column: int, *, item: bool) -> Iterator[Statement]:
        text = line.text[start:]
        if _BLOCK.match(text):
            yield from self._end_words()
            self._block_column, self._folded = column, text[0] == ">"
            return
        source = line.source(start)
        words = words_of_list(source)
        if words:
            yield from shell.of_command(SimpleCommand(words))
            return
        word = word_from(source, 0, len(text))
        if item and text and not any(char.isspace() for char in word.text):
            if self._words_column != column:
                yield from self._end_words()
            self._words.append(word)
            self._words_column = column
            return
        yield from self._end_words()
        yield from shell.statements(word.inside)

    def _end_words(self) -> Iterator[Statement]:
        """`- gopls` above `- -v`: one command; else each is a statement of its own."""
        words, self._words, self._words_column = self._words, [], -1
        if any(word.text.startswith("-") for word in words[1:]):
            yield from shell.of_command(SimpleCommand(tuple(words)))
        else:
            for word in words:
                yield from shell.statements(word.inside)

    def _end_block(self) -> Iterator[Statement]:
        block, self._block, self._block_column = self._block, [], -1
        if self._folded:
            spaced = [Line(line.number, without_comment(line.text) + " ") for line in block]
            yield from shell.statements(source_of(spaced)) if spaced else ()
            return
        for group in joined(block):
            yield from shell.statements(source_of(group))
