"""Text of a file, with the place of each character of it.

A statement may be on several lines, and a quoted word may be a command of its own: what is
found in either has to be shown where it is in the file.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Place(NamedTuple):
    """Counted from 1; columns in characters."""

    line: int
    column: int


class Source:
    """A text that is made of pieces of a file."""

    __slots__ = ("_offsets", "_places", "text")

    def __init__(self, pieces: Iterable[tuple[str, Place]]) -> None:
        self._offsets: list[int] = []
        self._places: list[Place] = []
        texts = []
        length = 0
        for text, place in pieces:
            self._offsets.append(length)
            self._places.append(place)
            texts.append(text)
            length += len(text)
        self.text = "".join(texts)

    def place(self, offset: int) -> Place:
        """Where the character at this offset is; its end for the text's length."""
        index = max(0, bisect_right(self._offsets, offset) - 1)
        start = self._places[index]
        return Place(start.line, start.column + offset - self._offsets[index])

    def part(self, start: int, end: int) -> "Source":
        """The text between two offsets."""
        first = max(0, bisect_right(self._offsets, start) - 1)
        last = bisect_right(self._offsets, max(start, end - 1))
        bounds = [start, *self._offsets[first + 1 : last], end]
        return Source((self.text[a:b], self.place(a)) for a, b in pairwise(bounds))


class Word(NamedTuple):
    """A word without its quotes; `$x`, `$(…)` and the like stay as they are written.

    `inside` is what stands between the quotes, if all of it is quoted, else the whole word.
    """

    text: str
    start: Place
    end: Place  # behind its last character
    inside: Source


def whole(source: Source) -> Word:
    """All of a text as a word."""
    text = source.text
    return Word(text, source.place(0), source.place(len(text)), source)
