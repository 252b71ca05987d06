"""One line of a check-up: what was seen, why it matters, and the command that mends it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class CheckState(StrEnum):
    """How bad it is; also the severity of a problem in a file."""

    OK = "ok"
    WARNING = "warning"  # costs memory or time, or has no effect
    ERROR = "error"  # does not work, or ends what it should protect


class CheckResult(NamedTuple):
    """One line. `why` has a figure where there is one; `fix` is a command, or says what to do.

    `name` is what programs know it by; all texts are clean.
    """

    area: str
    name: str
    state: CheckState
    seen: str
    why: str = ""
    fix: str = ""


_ORDER = tuple(CheckState)


def worst(states: Iterable[CheckState]) -> CheckState:
    """The worst of some; OK of none."""
    return max(states, key=_ORDER.index, default=CheckState.OK)
