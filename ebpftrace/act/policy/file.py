"""A policy file: TOML in, typed policies out, or every mistake of it at once."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.kind import ActionKind
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.policy.reader import PolicyReader
from ebpftrace.act.policy.toml.locations import locate
from ebpftrace.act.policy.toml.tables import Mistake, TableReader
from ebpftrace.errors import EbpftraceError, PolicyError
from ebpftrace.text import clean
from ebpftrace.units import KIB

SIZE_LIMIT = 256 * KIB
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TOLD = 10


class PolicyFileError(PolicyError):
    """A policy file that is wrong; `mistakes` are all of them, in the file's order."""

    def __init__(self, file: str, mistakes: tuple[Mistake, ...]) -> None:
        self.file = file
        self.mistakes = mistakes
        told = [f"line {one.line}: {one}" if one.line else str(one) for one in mistakes]
        if len(told) > _TOLD:
            told[_TOLD:] = [f"and {len(told) - _TOLD} more"]
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__(
            f"{count} in the policy file {file}",
            why="\n".join(told),
            fix=f"all of them: ebpftrace policy check {file}",
        )


def read_policies(
    file: Path, actions: Mapping[str, ActionKind] = ACTIONS
) -> tuple[Policy, ...]:
    """The policies of a file, in their order.

    PolicyFileError for what is wrong in it; EbpftraceError where it cannot be read, or
    where anyone could have written it: policies run programs as root.
    """
    name = clean(os.fsencode(file))
    try:
        # A pipe without a writer would hold up who opens it for ever.
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as opened:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(None, "it is no regular file")
            raw = opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise EbpftraceError(
            f"cannot read the policy file {name}",
            why=error.strerror or str(error),
            fix="name a file of policies; docs/policy.md says what is in it",
        ) from error
    if status.st_mode & stat.S_IWOTH:
        raise EbpftraceError(
            f"the policy file {name} is writable by everyone",
            why="a policy runs programs with the rights of ebpftrace",
            fix=f"chmod o-w {name}",
        )
    return parse_policies(raw, name, actions)


def parse_policies(
    raw: bytes, file: str, actions: Mapping[str, ActionKind] = ACTIONS
) -> tuple[Policy, ...]:
    """The same, of what a file holds; `file` is what errors call it."""
    if len(raw) > SIZE_LIMIT:
        limit = f"{SIZE_LIMIT // KIB} KiB at most"
        raise PolicyFileError(file, (Mistake(0, "", "a larger file", limit),))
    try:
        text = raw.decode("utf-8-sig")  # some editors begin a file with a mark
        table = tomllib.loads(text)
        lines = locate(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"the byte 0x{raw[error.start]:02x}"
        raise PolicyFileError(file, (Mistake(line, "", byte, "UTF-8"),)) from error
    except RecursionError as error:
        raise PolicyFileError(
            file, (Mistake(0, "", "arrays or tables hundreds deep", "TOML"),)
        ) from error
    except ValueError as error:  # tomllib's own, and Python's of a number of 4300 digits
        message = str(error)
        at = _AT_LINE.search(message)
        last = text.rstrip().count("\n") + 1
        line = (int(at[1]) if at[1] else last) if at else 0
        what = clean(_AT_LINE.sub("", message))
        raise PolicyFileError(
            file, (Mistake(line, "", f"no TOML: {what[:1].lower()}{what[1:]}", ""),)
        ) from error
    reader = PolicyReader(TableReader(lines), actions)
    policies = reader.file(table)
    if mistakes := reader.reading.mistakes:
        raise PolicyFileError(file, tuple(sorted(mistakes, key=lambda one: one.line)))
    return policies
