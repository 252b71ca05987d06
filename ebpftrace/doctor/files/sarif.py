"""Problems in SARIF, which services for code scanning read.

Source: Static Analysis Results Interchange Format 2.1.0, OASIS, 27 March 2020.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ebpftrace import __version__
from ebpftrace.doctor.files.lint import RULES, Linted
from ebpftrace.doctor.files.problem import Problem, Rule
from ebpftrace.text import PATH_LIMIT, clean

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_INDEX = {rule.name: index for index, rule in enumerate(RULES)}


def sarif(linted: Sequence[Linted]) -> dict[str, Any]:
    """A log with one run: all rules, and a result for each problem."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ebpftrace doctor",
                        "version": __version__,
                        "rules": [_rule(rule) for rule in RULES],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(each.path, problem) for each in linted for problem in each.problems
                ],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary}: {rule.why}"},
        "defaultConfiguration": {"level": rule.state.value},
    }


def _result(path: Path, problem: Problem) -> dict[str, Any]:
    return {
        "ruleId": problem.rule.name,
        "ruleIndex": _INDEX[problem.rule.name],
        "level": problem.rule.state.value,
        "message": {"text": clean(problem.text, PATH_LIMIT)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(path)},
                    "region": {
                        "startLine": problem.start.line,
                        "startColumn": problem.start.column,
                        "endLine": problem.end.line,
                        "endColumn": problem.end.column,
                    },
                }
            }
        ],
    }


def _uri(path: Path) -> str:
    """Relative, as GitHub wants it, unless it was named by an absolute path."""
    quoted = quote(os.fsencode(path))
    return f"file://{quoted}" if path.is_absolute() else quoted
