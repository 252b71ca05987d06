"""JSON with comments: settings of editors and agents, and commands in them."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.files import shell
from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.source import Source, Word
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand, Statement, word_from

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|$))"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*"?)"""
    r"""|(?P<sign>[{}\[\]:,])"""
    r"""|(?P<literal>[^\s{}\[\]:,"/]+|/)"""
)
_DEEPEST = 64
_FLAGS = "go.languageServerFlags"  # of the Go extension for VS Code


class _JsonLevel:
    """An object or an array."""

    def __init__(self, key: Word | None, is_array: bool) -> None:
        self.key = key  # under which it is
        self.is_array = is_array
        self.name: Word | None = None  # of the value that comes next
        self.words: list[Word] = []
        self.program: Word | None = None  # `"command"` beside `"args"`


def statements(lines: list[Line]) -> Iterator[Statement]:
    """What its keys set, and the commands in it."""
    source = Source((line.text + "\n", line.piece()[1]) for line in lines)
    levels: list[_JsonLevel] = []
    too_deep = 0
    for token in _TOKEN.finditer(source.text):
        if token["comment"]:
            continue
        sign = token["sign"]
        if sign in ("{", "["):
            if len(levels) == _DEEPEST:
                too_deep += 1
                continue
            levels.append(_JsonLevel(levels[-1].name if levels else None, sign == "["))
        elif sign in ("}", "]"):
            if too_deep:
                too_deep -= 1
            elif levels:
                yield from _ended(levels.pop(), levels[-1] if levels else None)
        elif sign == ",":
            if levels:
                levels[-1].name = None
        elif levels and not too_deep and not sign:
            yield from _value(word_from(source, *token.span()), levels)


def _value(word: Word, levels: list[_JsonLevel]) -> Iterator[Statement]:
    level = levels[-1]
    if level.is_array:
        level.words.append(word)
    elif level.name is None:
        level.name = word
    else:
        parents = tuple(each.key.text for each in levels if each.key is not None)
        yield Assignment(level.name, word, parents)
        if level.name.text == "command":
            level.program = word
        if _is_command(level.name.text, parents):
            yield from shell.statements(word.inside)


def _is_command(key: str, parents: tuple[str, ...]) -> bool:
    return key.lower().endswith(("command", "cmd", "script")) or parents[-1:] == ("scripts",)


def _ended(level: _JsonLevel, above: _JsonLevel | None) -> Iterator[Statement]:
    if not level.is_array or not level.words:
        return
    words = tuple(level.words)
    key = "" if level.key is None else level.key.text
    if key == _FLAGS and level.key is not None:
        words = (level.key._replace(text="gopls"), *words)
    elif key == "args" and above is not None and above.program is not None:
        words = (above.program, *words)
    yield from shell.of_command(SimpleCommand(words))
