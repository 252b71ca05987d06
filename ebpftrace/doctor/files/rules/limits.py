"""Memory limits below what the job took before."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import Context, PastUse
from ebpftrace.doctor.files.problem import Problem, Rule, problem
from ebpftrace.doctor.files.source import Word
from ebpftrace.doctor.files.statements import SimpleCommand, Statement
from ebpftrace.text import clean
from ebpftrace.units import GIB, KIB, MIB, format_bytes

RULE = Rule(
    "limit-below-past", CheckState.ERROR, "a memory limit below what the job took before",
    "the OOM killer would have ended that run",
)  # fmt: skip

_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)([kmgt]?)(i?b?)", re.IGNORECASE)
_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": GIB * KIB}
_OPTIONS = {
    "docker": ("--memory", "-m"),
    "podman": ("--memory", "-m"),
    "nerdctl": ("--memory", "-m"),
    "ebpftrace": ("--memory",),
}
_KEYS = frozenset({"mem_limit", "MemoryMax"})  # of compose; of a systemd unit


def check(statement: Statement, context: Context) -> Iterator[Problem]:
    """Only where the job's past is known."""
    if context.past is None:
        return
    if isinstance(statement, SimpleCommand):
        found = list(_of_command(statement))
    else:
        name, parents = statement.name.text, statement.parents
        is_limit = name in _KEYS or (name == "memory" and "limits" in parents[-1:])
        found = [statement.value] if is_limit else []
    for word in found:
        yield from _compared(word, context.past)


def _of_command(command: SimpleCommand) -> Iterator[Word]:
    words = command.words
    for at, word in enumerate(words):
        options = _OPTIONS.get(word.text.rpartition("/")[2])
        if options is None:
            continue
        for option, value in zip(words[at + 1 :], words[at + 2 :], strict=False):
            if option.text in options:
                yield value
        for each in words[at + 1 :]:
            if each.text.startswith("--memory="):
                yield each
        return


def _compared(word: Word, past: PastUse) -> Iterator[Problem]:
    limit = _bytes(word.text.rpartition("=")[2])
    if limit is None or limit >= past.peak_bytes:
        return
    runs = "run" if past.runs == 1 else f"{past.runs} runs"
    seen = (
        f"a limit of {format_bytes(limit)}, while {clean(past.job)} took up to "
        f"{format_bytes(past.peak_bytes)} in its last {runs} that ended well"
    )
    fix = f"raise it above that, or see what grew: ebpftrace history '{clean(past.job)}'"
    yield problem(RULE, word, seen, fix)


def _bytes(text: str) -> int | None:
    """`512m`, `1.5Gi`, `2GiB`; the larger meaning of a unit that has two."""
    found = _SIZE.fullmatch(text.strip())
    return None if found is None else int(float(found[1]) * _UNITS[found[2].lower()])
