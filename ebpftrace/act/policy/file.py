"""A policy file: TOML in, typed policies out, or all its mistakes at once."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.policy.reader import PolicyReader
from ebpftrace.act.policy.toml.bounds import beyond_bounds
from ebpftrace.act.policy.toml.locations import KeyPath, locate
from ebpftrace.act.policy.toml.tables import Mistake, TableReader, TooManyMistakesError
from ebpftrace.errors import EbpftraceError, PolicyError, UntrustedError
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detectors import CONDITION_KINDS
from ebpftrace.text import clean
from ebpftrace.trusted import open_trusted
from ebpftrace.units import KIB

SIZE_LIMIT = 64 * KIB
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MOST_LINES = 10

Lines = Mapping[KeyPath, int]
"""The line of each key of a file, from 1."""


class PolicyFileError(PolicyError):
    """A policy file with mistakes; `mistakes` are all of them, in the file's order."""

    def __init__(self, file: str, mistakes: tuple[Mistake, ...]) -> None:
        self.file = file
        self.mistakes = mistakes
        lines = [f"line {each.line}: {each}" if each.line else str(each) for each in mistakes]
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more"]
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__(
            f"{count} in the policy file {file}",
            why="\n".join(lines),
            fix=f"to see all of them: ebpftrace policy check {file}",
        )


def read_policies(
    file: Path,
    actions: Mapping[str, Action[Any]] = ACTIONS,
    detectors: Mapping[str, ConditionKind[Any]] = CONDITION_KINDS,
    *,
    obeyed: bool = True,
) -> tuple[Policy, ...]:
    """The policies of a file, in their order.

    PolicyFileError for mistakes in it; EbpftraceError where it cannot be read;
    UntrustedError where they are to be obeyed and another user could change the file:
    policies run programs as root.
    """
    table, lines, name = read_table(file, obeyed=obeyed)
    return _policies(table, lines, name, actions, detectors)


def read_table(file: Path, *, obeyed: bool = True) -> tuple[dict[str, Any], Lines, str]:
    """All of a file as tomllib has it, the line of each key, and its name for errors.

    Raises what `read_policies` raises.
    """
    name = clean(os.fsencode(file))
    try:
        with os.fdopen(_open(file, obeyed=obeyed), "rb") as opened:
            raw = opened.read(SIZE_LIMIT + 1)
    except UntrustedError as error:
        raise UntrustedError(
            f"the policy file is not obeyed: {error.why}",
            why="a policy runs programs with the rights of ebpftrace",
            fix=error.fix,
        ) from error
    except OSError as error:
        raise EbpftraceError(
            f"cannot read the policy file {name}",
            why=error.strerror or str(error),
            fix="name a policy file; docs/policy.md describes its keys",
        ) from error
    return *_parse_table(raw, name), name


def _open(file: Path, *, obeyed: bool) -> int:
    if obeyed:
        return open_trusted("the policy file", file, os.O_RDONLY)
    # Opening a pipe without a writer would block for ever.
    fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(None, "it is not a regular file")


def parse_policies(
    raw: bytes,
    file: str,
    actions: Mapping[str, Action[Any]] = ACTIONS,
    detectors: Mapping[str, ConditionKind[Any]] = CONDITION_KINDS,
) -> tuple[Policy, ...]:
    """The same for the content of a file, which errors call `file`."""
    return _policies(*_parse_table(raw, file), file, actions, detectors)


def _parse_table(raw: bytes, file: str) -> tuple[dict[str, Any], Lines]:
    if len(raw) > SIZE_LIMIT:
        limit = f"{SIZE_LIMIT // KIB} KiB at most"
        raise PolicyFileError(file, (Mistake(0, "", "a larger file", limit),))
    try:
        text = raw.decode("utf-8-sig")  # some editors begin a file with a byte order mark
        if beyond := beyond_bounds(text):
            raise PolicyFileError(file, (Mistake(beyond[0], "", beyond[1], "fewer"),))
        table = tomllib.loads(text)
        lines = locate(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"the byte 0x{raw[error.start]:02x}"
        raise PolicyFileError(file, (Mistake(line, "", byte, "UTF-8"),)) from error
    except ValueError as error:  # from tomllib, or from int() for 4300 digits
        message = str(error)
        at = _AT_LINE.search(message)
        last = text.rstrip().count("\n") + 1
        line = (int(at[1]) if at[1] else last) if at else 0
        what = clean(_AT_LINE.sub("", message))
        raise PolicyFileError(
            file, (Mistake(line, "", f"invalid TOML: {what[:1].lower()}{what[1:]}", ""),)
        ) from error
    return table, lines


def _policies(
    table: dict[str, Any],
    lines: Lines,
    file: str,
    actions: Mapping[str, Action[Any]],
    detectors: Mapping[str, ConditionKind[Any]],
) -> tuple[Policy, ...]:
    reader = PolicyReader(TableReader(lines), actions, detectors)
    try:
        policies = reader.file(table)
    except TooManyMistakesError as error:
        raise PolicyFileError(file, in_order(reader.reading.mistakes)) from error
    if mistakes := reader.reading.mistakes:
        raise PolicyFileError(file, in_order(mistakes))
    return policies


def in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    """By their lines."""
    return tuple(sorted(mistakes, key=lambda mistake: mistake.line))
