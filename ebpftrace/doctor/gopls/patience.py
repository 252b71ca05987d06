"""Reads again what a busy machine did not let be read in time.

A watch gives up after some milliseconds, and reads again later. Here there is no later, but
also nothing that waits: a few seconds in all are spent on second attempts, whatever hangs.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from ebpftrace.host.bounded import bounded_file

_SECONDS = 5.0
_PAUSE_S = 0.05
_MOST = 20  # attempts at one read

Found = TypeVar("Found")


class PatientReader:
    """Second attempts, for so many seconds in all."""

    def __init__(
        self, seconds: float = _SECONDS, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._left_s = seconds
        self._sleep = sleep

    def file(self, pid: int, function: Callable[[], Found]) -> Found | None:
        """What a function finds in a file that this process chose; None if it hangs."""
        found = self.again(lambda: bounded_file(pid, lambda: (function(),)))
        return None if found is None else found[0]

    def again(self, function: Callable[[], Found | None]) -> Found | None:
        """The first result of a function that is not None."""
        for _ in range(_MOST):
            found = function()
            if found is not None or self._left_s <= 0:
                return found
            self._left_s -= _PAUSE_S
            self._sleep(_PAUSE_S)
        return None
