"""Problems as lines of a linter, and as JSON."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ebpftrace.doctor.files.lint import Linted
from ebpftrace.doctor.files.problem import Problem
from ebpftrace.text import PATH_LIMIT, clean


def lines(linted: Linted) -> Iterator[str]:
    """`file:line:column: severity: text [rule]`, one line each."""
    path = shown(linted.path)
    for problem in linted.problems:
        place = f"{path}:{problem.start.line}:{problem.start.column}"
        rule = problem.rule
        yield f"{place}: {rule.state}: {clean(problem.text, PATH_LIMIT)} [{rule.name}]"


def record(linted: Linted) -> dict[str, Any]:
    """A file with its problems, for JSON."""
    return {"file": shown(linted.path), "problems": list(map(_problem, linted.problems))}


def shown(path: Path) -> str:
    """The path as it may be printed."""
    return clean(os.fsencode(path), PATH_LIMIT)


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "rule": problem.rule.name,
        "state": problem.rule.state.value,
        "line": problem.start.line,
        "column": problem.start.column,
        "end_line": problem.end.line,
        "end_column": problem.end.column,
        "seen": clean(problem.seen, PATH_LIMIT),
        "why": problem.rule.why,
        "fix": clean(problem.fix, PATH_LIMIT),
    }
