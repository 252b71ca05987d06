"""Commands that end a healthy gopls, or cut its clients off."""

import re
from collections.abc import Iterator
from itertools import pairwise

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import Context
from ebpftrace.doctor.files.problem import Problem, Rule, problem
from ebpftrace.doctor.files.source import Word
from ebpftrace.doctor.files.statements import SimpleCommand, Statement
from ebpftrace.doctor.files.words import basename, program_at
from ebpftrace.units import GIB, KIB, format_bytes

ULIMIT = Rule(
    "ulimit-v", CheckState.ERROR, "a limit of address space that gopls cannot run in",
    "idle gopls has 2.0 GB of address space with 49 MiB resident; with 2 GiB it ends at its "
    "first work, out of memory",
)  # fmt: skip
SOCKETS = Rule(
    "gopls-sockets", CheckState.WARNING, "removes the sockets of running gopls daemons",
    "gopls-*-daemon.* in /tmp are sockets of running daemons: without them new clients start "
    "a second daemon beside the first",
)  # fmt: skip

LARGEST_TOO_SMALL = 2 * GIB
_VIRTUAL = re.compile(r"-[a-zA-Z]*v[a-zA-Z]*")
_ADDRESS_SPACE = re.compile(r"--as=([0-9]{1,18})(?::[0-9]*)?")
_FOLDER = (
    r"(?:/tmp|/run/user/[^/]+"
    r"|\$\{(?:TMPDIR|XDG_RUNTIME_DIR)\b[^}]*\}|\$(?:TMPDIR|XDG_RUNTIME_DIR))"
)
_IN_TEMPORARY = re.compile(rf"{_FOLDER}/*")
_GLOB = re.compile(rf"{_FOLDER}/+gopls-?\*.*", re.DOTALL)
_NAME = re.compile(r"gopls-?\*.*", re.DOTALL)
LIMIT_CGROUP = "limit the memory of its cgroup instead: ebpftrace run --memory 2GiB -- COMMAND"
_FIX_SOCKETS = (
    "give each job a TMPDIR of its own that is removed afterwards, as ebpftrace run does, or "
    "spare sockets: find … ! -type s"
)


def check(statement: Statement, context: Context) -> Iterator[Problem]:
    """Of commands alone."""
    if isinstance(statement, SimpleCommand):
        if context.runs_gopls:
            yield from _limits(statement)
        yield from _removals(statement)


def _limits(command: SimpleCommand) -> Iterator[Problem]:
    for word, size in _sizes(command):
        if size <= LARGEST_TOO_SMALL:
            seen = f"{format_bytes(size)} of address space"
            yield problem(ULIMIT, word, seen, LIMIT_CGROUP)


def _sizes(command: SimpleCommand) -> Iterator[tuple[Word, int]]:
    """In bytes: `ulimit -v KIB`, `prlimit --as=BYTES`."""
    first, *rest = command.words
    if first.text == "ulimit":
        for option, value in pairwise(rest):
            if _VIRTUAL.fullmatch(option.text) and re.fullmatch("[0-9]{1,15}", value.text):
                yield value, int(value.text) * KIB
    elif program_at(command, lambda text: basename(text) == "prlimit") is not None:
        for word in rest:
            if found := _ADDRESS_SPACE.fullmatch(word.text):
                yield word, int(found[1])


def _removals(command: SimpleCommand) -> Iterator[Problem]:
    finds = program_at(command, lambda text: basename(text) == "find")
    if finds is not None:
        yield from _finds(command, [word.text for word in command.words], finds)
        return
    removes = program_at(command, lambda text: basename(text) == "rm")
    for word in command.words[removes + 1 :] if removes is not None else ():
        if _GLOB.fullmatch(word.text):
            yield problem(SOCKETS, word, f"rm of {word.text[:40]}", _FIX_SOCKETS)


def _finds(command: SimpleCommand, texts: list[str], start: int) -> Iterator[Problem]:
    words = command.words
    if not any(_IN_TEMPORARY.fullmatch(text) for text in texts[start:]):
        return
    if not (command.piped or "-delete" in texts or {"rm", "/bin/rm", "unlink"} & {*texts}):
        return
    if _spares_sockets(texts):
        return
    for option, value in zip(words[start:], words[start + 1 :], strict=False):
        if option.text in {"-name", "-iname"} and _NAME.fullmatch(value.text):
            yield problem(SOCKETS, value, f"find that removes {value.text[:40]}", _FIX_SOCKETS)


def _spares_sockets(texts: list[str]) -> bool:
    """`-type d`, `! -type s`."""
    if "-type" not in texts:
        return False
    at = texts.index("-type")
    negated = at > 0 and texts[at - 1] in {"!", "-not"}
    names_sockets = "s" in texts[at + 1 : at + 2]
    return names_sockets == negated
