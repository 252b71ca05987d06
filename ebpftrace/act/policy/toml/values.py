"""How one value of a policy file is written, read, and shown to an editor.

A `Kind` serves the parser, the error that says what was expected, and the JSON schema.
"""

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, parse_bytes, parse_duration_ns, parse_share

_FOUND_LIMIT = 60
MOST_ITEMS = 256  # of an array; each is compared with every process
_LARGEST_BYTES = 1 << 60  # fits into the counters of the kernel side

LONGEST_NS = 24 * 3600 * NS_PER_SECOND
"""Budgets and cool-downs are kept for so long, and nothing else should last longer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`read` turns tomllib's value into the typed value, or raises ValueError."""

    expected: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]
    item: "Kind | None" = None  # of each element, where an array or a table may be written


def found(value: object) -> str:
    """A value roughly as it was written, for errors."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, datetime.date | datetime.time):
        return str(value)
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            return f"an array of more than {MOST_ITEMS} elements"
        return "an array" if value else "an empty array"
    if isinstance(value, str):
        return clean(json.dumps(value, ensure_ascii=False), _FOUND_LIMIT)
    return str(value).lower() if isinstance(value, bool) else clean(str(value), _FOUND_LIMIT)


def _of_type(wanted: type, value: object) -> Any:
    if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
        raise ValueError
    return value


def _text(value: object) -> str:
    text: str = _of_type(str, value)
    if not text or "\0" in text:
        raise ValueError
    return text


def _any_text(value: object) -> str:
    text: str = _of_type(str, value)
    if "\0" in text:
        raise ValueError
    return text


def _path(value: object) -> Path:
    path = Path(_text(value))
    if not path.is_absolute():
        raise ValueError
    return path


def _count(value: object) -> int:
    number: int = _of_type(int, value)
    if not 0 <= number < 1 << 31:
        raise ValueError
    return number


def _number(value: object) -> float:
    number = float(_of_type(int, value) if isinstance(value, int) else _of_type(float, value))
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _bytes(value: object) -> int:
    if not isinstance(value, str):
        return _count(value)
    size = parse_bytes(value)
    if size > _LARGEST_BYTES:
        raise ValueError
    return size


def _duration(value: object) -> int:
    duration = parse_duration_ns(_of_type(str, value))
    if duration > LONGEST_NS:
        raise ValueError
    return duration


def _positive(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def positive(value: object) -> Any:
        if not (number := read(value)):
            raise ValueError
        return number

    return positive


def _named_texts(item: "Kind") -> Callable[[object], dict[str, str]]:
    def read(value: object) -> dict[str, str]:
        table: dict[str, object] = _of_type(dict, value)
        return {_text(name): item.read(text) for name, text in table.items()}

    return read


_SIZE_SCHEMA = {"pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(|B|[KMGT]iB|[kKMGT]B)\s*$"}
_DURATION_SCHEMA = {"pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)?\s*$"}
_SHARE_SCHEMA = {"pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"}

GLOB_LIMIT = 512
"""Characters of a pattern: comparing takes the product of its length and the name's."""


def _glob(value: object) -> str:
    glob = _text(value)
    if len(glob) > GLOB_LIMIT:
        raise ValueError
    return glob


TEXT = Kind("a string that is not empty", _text, {"type": "string", "minLength": 1})
GLOB = Kind(f"a glob of 1 to {GLOB_LIMIT} characters", _glob,
            {"type": "string", "minLength": 1, "maxLength": GLOB_LIMIT})  # fmt: skip
ANY_TEXT = Kind("a string", _any_text, {"type": "string"})
BOOL = Kind("true or false", lambda value: _of_type(bool, value), {"type": "boolean"})
COUNT = Kind("a whole number, 0 or more", _count, {"type": "integer", "minimum": 0})
NUMBER = Kind("a number, 0 or more", _number, {"type": "number", "minimum": 0})
PATH = Kind('an absolute path such as "/var/lib/x"', _path,
            {"type": "string", "pattern": "^/"})  # fmt: skip
BYTES = Kind('a size such as "256MiB"', _bytes,
             {"type": ["string", "integer"], "minimum": 0} | _SIZE_SCHEMA)  # fmt: skip
SIZE = Kind('a size above 0 such as "256MiB"', _positive(_bytes), BYTES.schema)
DURATION = Kind(
    'a duration such as "60s", 24h at most', _duration, {"type": "string"} | _DURATION_SCHEMA
)
SPAN = Kind(
    'a duration above 0 such as "60s", 24h at most', _positive(_duration), DURATION.schema
)
SHARE = Kind('a share such as "85%"', lambda value: parse_share(_of_type(str, value)),
             {"type": "string"} | _SHARE_SCHEMA)  # fmt: skip
TEXTS = Kind("a table of strings", _named_texts(ANY_TEXT),
             {"type": "object", "additionalProperties": {"type": "string"}},
             item=ANY_TEXT)  # fmt: skip


def choice(names: Mapping[str, Any]) -> Kind:
    """One of these names; each stands for a value."""

    def read(value: object) -> Any:
        name = _of_type(str, value)
        if name not in names:
            raise ValueError
        return names[name]

    quoted = " or ".join(f'"{name}"' for name in names)
    return Kind(quoted if len(names) < 3 else f"one of {quoted.replace(' or ', ', ')}",
                read, {"enum": list(names)})  # fmt: skip


def several(item: Kind, least: int = 0) -> Kind:
    """An array of items, or a single item that stands for an array."""

    def read(value: object) -> tuple[Any, ...]:
        if isinstance(value, list) and not least <= len(value) <= MOST_ITEMS:
            raise ValueError
        return tuple(map(item.read, value)) if isinstance(value, list) else (item.read(value),)

    schema = {
        "anyOf": [item.schema, {"type": "array", "items": item.schema, "minItems": least,
                   "maxItems": MOST_ITEMS}]
    }  # fmt: skip
    return Kind(f"{item.expected}, or an array of such", read, schema, item=item)


_UNITS = {"bytes": BYTES, "duration": DURATION, "share": SHARE}
_TYPES = {str: TEXT, bool: BOOL, int: COUNT, float: NUMBER, Path: PATH}


def kind_of(annotation: Any) -> Kind:
    """The kind of an annotation in an options dataclass. TypeError if there is none."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *notes = arguments
        unit = next((note for note in notes if note in _UNITS), None)
        return kind_of(inner) if unit is None else _UNITS[unit]
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return kind_of(inner)
    if origin is Literal:
        return choice({str(name): name for name in arguments})
    if origin is tuple and arguments[1:] == (...,):
        return several(ANY_TEXT if arguments[0] is str else kind_of(arguments[0]))
    if origin is dict and arguments == (str, str):
        return TEXTS
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return choice({str(member.value): member for member in annotation})
    if annotation in _TYPES:
        return _TYPES[annotation]
    raise TypeError(f"a policy file cannot contain a value of type {annotation}")
