"""The tables `[watch]` and `[serve]` of a policy file: options of these commands."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ebpftrace.act.policy.file import PolicyFileError, in_order, read_table
from ebpftrace.act.policy.toml.tables import TableReader, TooManyMistakesError, suggestion
from ebpftrace.act.policy.toml.values import MOST_ITEMS, found
from ebpftrace.cli.configured import long_name

_NOT_IN_A_FILE = {"config", "no-config"}
_OF_A_POLICY = {"growth", "level", "fuse", "on-breach", "backstop", "no-backstop", "grace"}


def read_settings(file: Path, command: click.Command, *, obeyed: bool) -> dict[str, Any]:
    """The options in the command's table, by parameter, as click's `default_map` has them.

    PolicyFileError for mistakes in it, the other errors of `read_policies`.
    """
    table, lines, name = read_table(file, obeyed=obeyed)
    reading = TableReader(lines)
    section = str(command.name)
    settings: dict[str, Any] = {}
    try:
        if section in table:
            inner = reading.table(table[section], (section,))
            settings = dict(_settings(inner or {}, command, reading, section))
    except TooManyMistakesError as error:
        raise PolicyFileError(name, in_order(reading.mistakes)) from error
    if reading.mistakes:
        raise PolicyFileError(name, in_order(reading.mistakes))
    return settings


def _settings(
    table: Mapping[str, Any], command: click.Command, reading: TableReader, section: str
) -> Iterator[tuple[str, Any]]:
    options = dict(_options(command))
    context = click.Context(command)
    for name, value in table.items():
        option = options.get(name)
        path = (section, name)
        if option is None and name in _OF_A_POLICY:
            reading.mistake(path, "an option that makes a policy", "a [[policy]] in its place")
        elif option is None:
            reading.mistake(path, "an unknown key", suggestion(name, list(options)))
        elif not _has_form(value, option):
            reading.mistake(path, found(value), _form(option))
        else:
            given = _given(value, option)
            try:
                option.type_cast_value(context, given)
            except click.BadParameter as error:
                reading.mistake(path, f"{found(value)}: {error.message}", "")
            else:
                yield str(option.name), given


def _options(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """Those that a file may have, by name."""
    for option in command.params:
        if isinstance(option, click.Option) and option.expose_value:
            name = long_name(option)
            if name not in _NOT_IN_A_FILE | _OF_A_POLICY:
                yield name, option


def _has_form(value: object, option: click.Option) -> bool:
    if option.is_flag:
        return isinstance(value, bool)
    if option.multiple and isinstance(value, list):
        return len(value) <= MOST_ITEMS and all(map(_is_scalar, value))
    return _is_scalar(value)


def _is_scalar(value: object) -> bool:
    is_text = isinstance(value, str) and bool(value) and "\0" not in value
    return is_text or (isinstance(value, int | float) and not isinstance(value, bool))


def _form(option: click.Option) -> str:
    if option.is_flag:
        return "true or false"
    return "a string or a number" + (", or an array of such" if option.multiple else "")


def _given(value: Any, option: click.Option) -> Any:
    """As the command line would have it: texts."""
    if option.is_flag:
        return value
    if option.multiple:
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    return str(value)


def settings_schema(command: click.Command) -> dict[str, Any]:
    """The JSON schema of its table."""
    return {
        "type": "object",
        "description": f"options of ebpftrace {command.name}",
        "additionalProperties": False,
        "properties": {name: _option_schema(option) for name, option in _options(command)},
    }


def _option_schema(option: click.Option) -> dict[str, Any]:
    scalar = {"type": ["string", "number"], "minLength": 1}
    schema: dict[str, Any] = {"type": "boolean"} if option.is_flag else scalar
    if option.multiple:
        array = {"type": "array", "items": scalar, "maxItems": MOST_ITEMS}
        schema = {"anyOf": [scalar, array]}
    return schema | {"description": " ".join((option.help or "").split())}
