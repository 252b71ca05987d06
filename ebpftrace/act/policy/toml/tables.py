"""The keys of a TOML table, and the values read from them.

One `Key` serves the parser, the errors with their did-you-mean, and the JSON schema.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ebpftrace.act.policy.toml.locations import KeyPath
from ebpftrace.act.policy.toml.values import MOST_ITEMS, Kind, found, kind_of
from ebpftrace.text import clean

_KEY_LIMIT = 40
_MOST_MISTAKES = 100


class TooManyMistakesError(Exception):
    """The file has so many mistakes that reading the rest of it would only take time."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table; `field` is the dataclass field its value becomes."""

    name: str
    field: str
    kind: Kind
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong. `line` is 1-based, 0 where it concerns the whole file."""

    line: int
    key: str  # a key path such as policy[0].match.comm; "" for the whole file
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        expected = f", expected {self.expected}" if self.expected else ""
        return f"{where}found {self.found}{expected}"


class TableReader:
    """Collects the mistakes of one file, so that all of them are reported at once."""

    def __init__(self, lines: Mapping[KeyPath, int]) -> None:
        self._lines = lines
        self.mistakes: list[Mistake] = []

    def mistake(self, path: KeyPath, found: str, expected: str) -> None:
        """Record one. TooManyMistakesError after a hundred, all of which are recorded."""
        self.mistakes.append(Mistake(self.line(path), in_words(path), found, expected))
        if len(self.mistakes) >= _MOST_MISTAKES:
            self.mistakes.append(Mistake(0, "", "a hundred mistakes", "fewer"))
            raise TooManyMistakesError

    def line(self, path: KeyPath) -> int:
        """The line of a path, or of the nearest table around it that has one."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def table(self, value: object, path: KeyPath) -> dict[str, Any] | None:
        if isinstance(value, dict):
            return value
        self.mistake(path, found(value), "a table")
        return None

    def tables(self, value: object, path: KeyPath) -> list[dict[str, Any] | None]:
        """An array of tables, with None for an element that is not a table."""
        if not isinstance(value, list) or not value:
            self.mistake(path, found(value), "an array of tables")
            return []
        return [self.table(item, (*path, index)) for index, item in enumerate(value)]

    def values(
        self,
        table: Mapping[str, Any],
        keys: Sequence[Key],
        path: KeyPath,
        *,
        known: Sequence[str],
    ) -> dict[str, Any]:
        """The typed values of a table by field; `known` are keys that are read elsewhere.

        A key with a wrong value is left out, and its mistake recorded.
        """
        by_name = {key.name: key for key in keys}
        made: dict[str, Any] = {}
        for name, value in table.items():
            key = by_name.get(name)
            if key is not None:
                try:
                    made[key.field] = key.kind.read(value)
                except ValueError:
                    self._refused(value, key.kind, (*path, name))
            elif name not in known:
                self.mistake(
                    (*path, name),
                    "an unknown key",
                    suggestion(name, [*by_name, *known]),
                )
        for key in keys:
            if key.required and key.name not in table:
                self.mistake((*path, key.name), "no such key", key.kind.expected)
        return made

    def _refused(self, value: object, kind: Kind, path: KeyPath) -> None:
        """Record what was wrong with a value; of an array or a table, each wrong element."""
        elements: list[tuple[int | str, object]] = []
        if isinstance(value, list) and len(value) <= MOST_ITEMS:
            elements = list(enumerate(value))
        elif isinstance(value, dict):
            elements = list(value.items())
        before = len(self.mistakes)
        if kind.item is not None:
            for name, element in elements:
                try:
                    kind.item.read(element)
                except ValueError:
                    self.mistake((*path, name), found(element), kind.item.expected)
        if len(self.mistakes) == before:
            self.mistake(path, found(value), kind.expected)


def suggestion(name: str, known: Sequence[str]) -> str:
    """What to write instead: the closest name, or a list of all."""
    near = difflib.get_close_matches(name[:_KEY_LIMIT], known, n=1)
    return f'"{near[0]}"' if near else f"one of {', '.join(sorted(known))}"


def in_words(path: KeyPath) -> str:
    """`policy[0].match.comm`."""
    words = ""
    for part in path:
        words += f"[{part}]" if isinstance(part, int) else f".{clean(part, _KEY_LIMIT)}"
    return words.removeprefix(".")


def keys_of(options: type) -> tuple[Key, ...]:
    """The keys of an options dataclass; act/actions/support/action.py describes them."""
    return _keys_of(options)


@cache
def _keys_of(options: type) -> tuple[Key, ...]:
    hints = get_type_hints(options, include_extras=True)
    return tuple(
        Key(
            name=_name(field.name),
            field=field.name,
            kind=kind_of(hints[field.name]),
            doc=_doc(hints[field.name]),
            required=field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(options)
    )


def _name(field: str) -> str:
    for suffix in ("_bytes", "_ns", "_"):
        field = field.removesuffix(suffix)
    return field


def _doc(annotation: Any) -> str:
    if get_origin(annotation) is not Annotated:
        return ""
    return next(
        (
            note
            for note in get_args(annotation)[1:]
            if note not in ("bytes", "duration", "share")
        ),
        "",
    )
