"""How bad something is that doctor found."""

from collections.abc import Iterable
from enum import StrEnum


class CheckState(StrEnum):
    """The severity of a problem in a file."""

    OK = "ok"
    WARNING = "warning"  # costs memory or time, or has no effect
    ERROR = "error"  # does not work, or ends what it should protect


_ORDER = tuple(CheckState)


def worst(states: Iterable[CheckState]) -> CheckState:
    """The worst of some; OK of none."""
    return max(states, key=_ORDER.index, default=CheckState.OK)
