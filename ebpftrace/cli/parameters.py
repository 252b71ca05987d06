"""What the values of options are read as, and an option that two commands have."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ebpftrace.heap import LEAST_BYTES
from ebpftrace.history.file import DEFAULT_FILE, VARIABLE
from ebpftrace.units import (
    MIB,
    NS_PER_SECOND,
    format_bytes,
    parse_bytes,
    parse_duration_ns,
    parse_increase,
)

if TYPE_CHECKING:
    from ebpftrace.run.user import RunUser

_SHORTEST_NS = NS_PER_SECOND // 10
_LARGEST_PID = 1 << 22  # PID_MAX_LIMIT, include/linux/threads.h


_Value = TypeVar("_Value", int, float)


class _Parsed(click.ParamType[_Value]):
    """A text that a function reads; `least` is the smallest value, and `too_little` says so."""

    kind: type[_Value]
    parse: Callable[[str], _Value]
    least: _Value
    too_little = ""

    def convert(self, value: Any, param: Any, ctx: Any) -> _Value:
        if isinstance(value, self.kind):
            return value
        try:
            found = self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if found < self.least:
            self.fail(self.too_little.format(value), param, ctx)
        return found


class Duration(_Parsed[int]):
    """`500ms`, `2s`, `1.5m` or `1h`, as nanoseconds; at least 100 ms."""

    name, kind, parse = "duration", int, staticmethod(parse_duration_ns)
    least, too_little = _SHORTEST_NS, "at least 100ms"


class Pid(click.ParamType[int]):
    """A pid: a number from 1 to the kernel's largest."""

    name = "pid"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        text = str(value)
        if not (re.fullmatch("[0-9]{1,7}", text) and 0 < int(text) <= _LARGEST_PID):
            self.fail(f"not a pid: {text!r}", param, ctx)
        return int(text)


class Memory(_Parsed[int]):
    """`512MiB` or `1GiB`, as bytes: at least what a watch needs."""

    name, kind, parse = "memory", int, staticmethod(parse_bytes)
    least = LEAST_BYTES
    too_little = f"{{}} is too little for a watch: at least {format_bytes(LEAST_BYTES)}"


class Limit(_Parsed[int]):
    """`512MiB` or `2GiB`, as bytes."""

    name, kind, parse = "limit", int, staticmethod(parse_bytes)
    least, too_little = MIB, "{} is too little: at least 1MiB"


class Increase(_Parsed[float]):
    """`10%`, as 0.1."""

    name, kind, parse = "increase", float, staticmethod(parse_increase)
    least = 0.0


class User(click.ParamType["RunUser"]):
    """A user's name or number."""

    name = "user"

    def convert(self, value: Any, param: Any, ctx: Any) -> "RunUser":
        from ebpftrace.run.user import find_user

        try:
            return find_user(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType[tuple[int, int]]):
    """`120x36`, as (columns, lines)."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", str(value))
        if match is None:
            self.fail(f"not a size: {value!r}; write 120x36", param, ctx)
        columns, lines = int(match[1]), int(match[2])
        if not (10 <= columns <= 500 and 5 <= lines <= 500):
            self.fail("from 10x5 to 500x500", param, ctx)
        return columns, lines


HISTORY_FILE = click.option(
    "--history", "history_file",
    type=click.Path(path_type=Path, dir_okay=False, readable=False), default=DEFAULT_FILE,
    show_default=True, envvar=VARIABLE, show_envvar=True, metavar="FILE",
    help="File of the past runs.",
)  # fmt: skip
