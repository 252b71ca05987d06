"""Reads files, within bounds, and finds the problems in them."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import PastUse, RuleCheck, context_of
from ebpftrace.doctor.files.formats import dockerfile, json, makefile, script, yaml
from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.problem import Problem, Rule
from ebpftrace.doctor.files.rules import caches, commands, flags, limits, settings
from ebpftrace.doctor.files.source import Place
from ebpftrace.doctor.files.statements import Statement
from ebpftrace.units import KIB, MIB

NOT_READ = Rule(
    "file", CheckState.ERROR, "a file that cannot be checked", "nothing in it was checked"
)

_CHECKS: tuple[RuleCheck, ...] = (
    flags.check, settings.check, commands.check, caches.check, limits.check,
)  # fmt: skip
RULES = (
    flags.FLAG, flags.VERSION, settings.VARIABLE, settings.SETTING, settings.GOMEMLIMIT,
    commands.ULIMIT, commands.SOCKETS, *caches.RULES, limits.RULE, NOT_READ,
)  # fmt: skip

_LARGEST = MIB
_LONGEST_LINE = 64 * KIB  # characters; the rest of a longer one is not looked at
_MOST_PROBLEMS = 500

_Format = Callable[[list[Line]], Iterator[Statement]]
_FORMATS: tuple[tuple[re.Pattern[str], _Format], ...] = (
    (re.compile(r".*\.ya?ml"), yaml.statements),
    (re.compile(r".*\.(jsonc?|code-workspace)"), json.statements),
    (re.compile(r"(docker|container)file(\..*)?|.*\.(docker|container)file"),
     dockerfile.statements),
    (re.compile(r"(gnu)?makefile(\..*)?|.*\.(mk|mak)"), makefile.statements),
)  # fmt: skip


class Linted(NamedTuple):
    """A file and the problems in it, in their order; 500 at most."""

    path: Path
    problems: tuple[Problem, ...]


def lint(path: Path, past: PastUse | None = None) -> Linted:
    """The problems of a file. One that cannot be read is a problem itself."""
    try:
        text = _read(path)
    except OSError as error:
        return Linted(path, (_not_read(error.strerror or str(error)),))
    except ValueError as error:
        return Linted(path, (_not_read(str(error)),))
    return Linted(path, lint_text(path.name, text, past))


def lint_text(name: str, text: str, past: PastUse | None = None) -> tuple[Problem, ...]:
    """The problems of a file with this name and text."""
    lines = [
        Line(number, line.removesuffix("\r")[:_LONGEST_LINE])
        for number, line in enumerate(text.split("\n"), 1)
    ]
    found = list(_format(name)(lines))
    context = context_of(found, past)
    problems = (
        problem for each in found for check in _CHECKS for problem in check(each, context)
    )
    unique = dict.fromkeys(islice(problems, _MOST_PROBLEMS))
    return tuple(sorted(unique, key=lambda problem: (problem.start, problem.rule.name)))


def _format(name: str) -> _Format:
    for pattern, statements in _FORMATS:
        if pattern.fullmatch(name.lower()):
            return statements
    return script.statements


def _read(path: Path) -> str:
    """OSError, and ValueError for what is no text of at most 1 MiB."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a regular file")
        file = os.fdopen(os.dup(fd), "rb")
    finally:
        os.close(fd)
    with file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise ValueError("it is larger than 1 MiB")
    if b"\0" in raw:
        raise ValueError("it is not a text file")
    return raw.decode("utf-8-sig", "replace")


def _not_read(reason: str) -> Problem:
    start = Place(1, 1)
    return Problem(NOT_READ, start, start, reason, "name a text file that can be read")
