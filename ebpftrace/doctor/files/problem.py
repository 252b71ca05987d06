"""What the linter finds."""

from typing import NamedTuple

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.source import Place, Word


class Rule(NamedTuple):
    """A kind of problem. `why` has what was measured."""

    name: str
    state: CheckState
    summary: str
    why: str


class Problem(NamedTuple):
    """A problem at a place of a file. `fix` is what to do instead."""

    rule: Rule
    start: Place
    end: Place  # behind its last character
    seen: str
    fix: str

    @property
    def text(self) -> str:
        """What was seen, why it matters, and what to do."""
        return f"{self.seen}: {self.rule.why}; {self.fix}"


def problem(rule: Rule, word: Word, seen: str, fix: str) -> Problem:
    """A problem at this word."""
    return Problem(rule, word.start, word.end, seen, fix)
