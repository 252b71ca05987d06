"""Splits shell text into simple commands, with the place of each word.

No shell's grammar: separators, quotes, comments and substitutions, which is what decides
where a command begins and whether a text is one. Text that ends within quotes is taken as if
they were closed there.
"""

import re
from collections.abc import Iterator

from ebpftrace.doctor.files.source import Source, Word
from ebpftrace.doctor.files.statements import SimpleCommand, Statement, settings_of

_DEEPEST = 8  # substitutions within substitutions
_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac",
     "in", "function", "time", "!", "{", "}", "[[", "]]"}
)  # fmt: skip
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|z|k|a)?sh")
_RUNS_TEXT = re.compile(r"-[a-z]*c")
_REDIRECTION = re.compile(r"\d{0,3}(?:<<<|<<-?|>>|<>|>\||&>>?|[<>]&?)")
_CLOSERS = {"'": "'", '"': '"', "`": "`", "$(": ")", "${": "}"}
_PLAIN = re.compile(r"[^\s'\"`\\$;&|()<>]+")


def statements(source: Source, depth: int = 0) -> Iterator[Statement]:
    """The commands and the settings in them, also of substitutions and of `sh -c TEXT`."""
    for command in commands(source, depth):
        yield from of_command(command, depth)


def of_command(command: SimpleCommand, depth: int = 0) -> Iterator[Statement]:
    """A command, the settings in it, and what the text of its `sh -c TEXT` says."""
    yield command
    yield from settings_of(command)
    yield from _nested(command, depth)


def _nested(command: SimpleCommand, depth: int) -> Iterator[Statement]:
    """The text of the first shell among the words: of `sudo sh -c TEXT` too."""
    words = iter(command.words)
    if depth < _DEEPEST and all(
        any(pattern.fullmatch(word.text) for word in words) for pattern in (_SHELL, _RUNS_TEXT)
    ):
        for text in words:
            yield from statements(text.inside, depth + 1)
            return


def commands(source: Source, depth: int = 0) -> Iterator[SimpleCommand]:
    """The simple commands, in the order of their ends."""
    text, at = source.text, 0
    words: list[Word] = []
    targets: list[Word] = []
    to_file = False
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "#":
            break
        elif found := _REDIRECTION.match(text, at):
            at, to_file = found.end(), True
        elif char in ";&|()":
            piped = char == "|" and text[at : at + 2] != "||"
            if words:
                yield SimpleCommand(tuple(words), tuple(targets), piped)
            words, targets, to_file = [], [], False
            at += 1
        else:
            word, at, inner = _word(source, at)
            if depth < _DEEPEST:
                for start, end in inner:
                    yield from commands(source.part(start, end), depth + 1)
            if to_file:
                targets.append(word)
            elif words or word.text not in _KEYWORDS:
                words.append(word)
            to_file = False
    if words:
        yield SimpleCommand(tuple(words), tuple(targets))


def _word(source: Source, start: int) -> tuple[Word, int, list[tuple[int, int]]]:
    """The word that begins at `start`, its end, and the substitutions in it."""
    text, at = source.text, start
    parts: list[str] = []
    inner: list[tuple[int, int]] = []
    while at < len(text):
        char = text[at]
        if plain := _PLAIN.match(text, at):
            parts.append(plain[0])
            at = plain.end()
        elif char == "\\":
            parts.append(text[at + 1 : at + 2])
            at += 2
        elif char in "'\"" or text.startswith(("$(", "${", "`"), at):
            end = construct_end(text, at)
            if char in "'\"":
                parts.append(_unquoted(text, at, end))
                if char == '"':
                    inner += _substitutions(text, at + 1, end - 1)
            else:
                parts.append(text[at:end])
                if not text.startswith("${", at):
                    inner.append((at + (2 if char == "$" else 1), end - 1))
            at = end
        elif char == "$":
            parts.append(char)
            at += 1
        else:
            break
    at = min(at, len(text))
    whole_quoted = text[start] in "'\"" and construct_end(text, start) == at
    inside = source.part(start + 1, max(start + 1, at - 1)) if whole_quoted else source.part(
        start, at
    )  # fmt: skip
    return Word("".join(parts), source.place(start), source.place(at), inside), at, inner


def _unquoted(text: str, start: int, end: int) -> str:
    closed = end - start > 1 and text[end - 1] == text[start]
    inside = text[start + 1 : end - 1 if closed else end]
    return inside if text[start] == "'" else re.sub(r'\\(["\\$`])', r"\1", inside)


def _substitutions(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    while at < end:
        if text[at] == "\\":
            at += 2
        elif text.startswith(("$(", "`"), at):
            closed = construct_end(text, at)
            yield at + (2 if text[at] == "$" else 1), min(closed - 1, end)
            at = closed
        else:
            at += 1


def construct_end(text: str, start: int) -> int:
    """The offset behind the quotes or the substitution that begins at `start`."""
    open_ones: list[str] = []
    at = start
    while at < len(text):
        top = open_ones[-1] if open_ones else ""
        char = text[at]
        if top == "'":
            if char == "'":
                open_ones.pop()
        elif char == "\\":
            at += 1
        elif char == top:
            open_ones.pop()
        elif text.startswith(("$(", "${"), at):
            open_ones.append(_CLOSERS[text[at : at + 2]])
            at += 1
        elif char in '"`' or (char == "'" and top != '"'):
            open_ones.append(char)
        elif (char, top) in {("(", ")"), ("{", "}")}:
            open_ones.append(top)
        at += 1
        if not open_ones:
            return min(at, len(text))
    return len(text)
