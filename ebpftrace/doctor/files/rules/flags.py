"""Flags and versions of gopls that do not exist."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import Context, is_gopls
from ebpftrace.doctor.files.problem import Problem, Rule, problem
from ebpftrace.doctor.files.statements import SimpleCommand, Statement
from ebpftrace.doctor.files.words import program_at

FLAG = Rule(
    "gopls-flag", CheckState.ERROR, "a flag that gopls does not have",
    "gopls has no such flag, and ends with exit code 2",  # v0.14.2, v0.24.0
)  # fmt: skip
VERSION = Rule(
    "gopls-version", CheckState.ERROR, "a version of gopls that does not exist",
    "there is no such release, so that go install fails",  # of proxy.golang.org
)  # fmt: skip

_INSTEAD = {
    "memprofile": "for a heap profile write -profile.mem=FILE",
    "cachefile": "set GOPLSCACHE to move its file cache, to a folder that jobs share",
    "no-background-analysis": "remove it; its settings analyses and staticcheck choose what "
    "is analysed",
    "skip-install": "remove it: gopls installs nothing",
}
_MISSING = frozenset({"v0.13.3", "v0.14.3", "v0.14.4"})
_MODULE = re.compile(r"golang\.org/x/tools/gopls@(v[0-9.]{1,20})")
_OPTION = re.compile(r"--?([a-z][a-z-]{1,40})(?:=.*)?", re.DOTALL)


def check(statement: Statement, context: Context) -> Iterator[Problem]:
    """Of commands alone."""
    if not isinstance(statement, SimpleCommand):
        return
    at = program_at(statement, is_gopls)
    for word in statement.words[at + 1 :] if at is not None else ():
        option = _OPTION.fullmatch(word.text)
        if option and option[1] in _INSTEAD:
            name = word.text.partition("=")[0]
            yield problem(FLAG, word, f"gopls {name}", _INSTEAD[option[1]])
    for word in statement.words:
        version = _MODULE.fullmatch(word.text)
        if version and version[1] in _MISSING:
            fix = "list them: go list -m -versions golang.org/x/tools/gopls"
            yield problem(VERSION, word, f"gopls {version[1]}", fix)
