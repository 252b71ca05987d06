"""What a rule knows of the file beside the statement it looks at."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ebpftrace.doctor.files.problem import Problem
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand, Statement

_CACHE_STEP = re.compile(r"actions/(?:cache|setup-go)\b|\bcache\b")
_GOPLS = re.compile(r"(?:.*/)?[${(]{0,3}gopls(?:\.exe)?[)}]{0,2}(?:@[\w.+-]+)?", re.IGNORECASE)
_MODULE = "golang.org/x/tools/gopls"


class PastUse(NamedTuple):
    """What a job took in its past: the most that any run held which ended well."""

    job: str
    peak_bytes: int
    runs: int


class Context(NamedTuple):
    """Of one file. `keeps_caches`: it restores folders that an earlier run saved."""

    runs_gopls: bool
    keeps_caches: bool
    values: dict[str, str]  # of its variables, the first of each
    past: PastUse | None = None


RuleCheck = Callable[[Statement, Context], Iterator[Problem]]


def context_of(statements: Iterable[Statement], past: PastUse | None) -> Context:
    """What all of a file's statements say together."""
    runs_gopls = keeps_caches = False
    values: dict[str, str] = {}
    for statement in statements:
        if isinstance(statement, SimpleCommand):
            runs_gopls = runs_gopls or any(is_gopls(word.text) for word in statement.words)
        else:
            values.setdefault(statement.name.text, statement.value.text)
            keeps_caches = keeps_caches or _keeps_caches(statement)
    return Context(runs_gopls, keeps_caches, values, past)


def _keeps_caches(setting: Assignment) -> bool:
    """`uses: actions/cache`, or a path below GitLab's `cache:`."""
    uses = setting.name.text == "uses" and _CACHE_STEP.search(setting.value.text)
    return bool(uses) or "cache" in setting.parents


def is_gopls(word: str) -> bool:
    """Whether a command of this name is gopls: `gopls`, `$GOPLS`, `~/go/bin/gopls`."""
    return _GOPLS.fullmatch(word) is not None or word.partition("@")[0] == _MODULE
