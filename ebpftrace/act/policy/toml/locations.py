"""The line of each key and each array element in a TOML text.

tomllib keeps no positions, and neither does any maintained TOML library for Python. This
reads only what tomllib has accepted, so it only has to find where values end.
Source: toml.io, version 1.0.0.
"""

import re
import tomllib
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def locate(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every key, table and array element of a valid TOML text."""
    return dict(_Reader(text).document())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._elements: dict[KeyPath, int] = {}  # of arrays of tables: how many so far

    def document(self) -> Iterator[tuple[KeyPath, int]]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            line = self._here()
            if self._text.startswith("[[", self._at):
                self._at += 2
                table = self._element(self._key())
                self._at = self._text.index("]]", self._at) + 2
                yield table, line
            elif self._text[self._at] == "[":
                self._at += 1
                table = self._resolve(self._key())
                self._at = self._text.index("]", self._at) + 1
                yield table, line
            else:
                yield from self._pair(table)
            self._skip(_BLANK)

    def _pair(self, table: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        line = self._here()
        key = self._key()
        for length in range(1, len(key) + 1):
            yield (*table, *key[:length]), line
        self._at = self._text.index("=", self._at) + 1
        yield from self._value((*table, *key))

    def _value(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        self._skip(_SPACES)
        opening = self._text[self._at]
        if opening not in "[{":
            self._skip(_STRING if opening in "\"'" else _SCALAR)
            return
        self._at += 1
        self._skip(_BLANK)
        closing, index = {"[": "]", "{": "}"}[opening], 0
        while self._text[self._at] != closing:
            if opening == "[":
                yield (*path, index), self._here()
                yield from self._value((*path, index))
                index += 1
            else:
                yield from self._pair(path)
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _key(self) -> tuple[str, ...]:
        parts = []
        while True:
            self._skip(_SPACES)
            pattern = _STRING if self._text[self._at] in "\"'" else _BARE_KEY
            start = self._at
            self._skip(pattern)
            part = self._text[start : self._at]
            parts.append(tomllib.loads(f"x={part}")["x"] if pattern is _STRING else part)
            self._skip(_SPACES)
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _element(self, key: tuple[str, ...]) -> KeyPath:
        path = (*self._resolve(key[:-1]), key[-1])
        index = self._elements.get(path, -1) + 1
        self._elements[path] = index
        return (*path, index)

    def _resolve(self, key: tuple[str, ...]) -> KeyPath:
        """A header's dotted key; an array of tables on the way means its last element."""
        path: KeyPath = ()
        for part in key:
            path = (*path, part)
            if path in self._elements:
                path = (*path, self._elements[path])
        return path

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
