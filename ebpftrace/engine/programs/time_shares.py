"""How much of the engine's time the executables of one user may take.

A file system of a user's own may answer as slowly as it likes, and a file be slow to search:
each read of them ends in time, but a job could start a program that is read every moment.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ebpftrace.host.reading.owners import owner_of, shares_of

SHARE = 0.25
"""Of the time, on average."""
MOST_AT_ONCE_SECONDS = 0.25

_COUNTED_SECONDS = 0.001
"""Most reads take less, and cost no look for the owner."""
_MOST_OWNERS = 64


class TimeShares:
    """Each owner of processes has as much as any other."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        owner: Callable[[int], Hashable] = owner_of,
    ) -> None:
        self._clock = clock
        self._owner = owner
        self._spent: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def is_spent(self, pid: int) -> bool:
        """Whether the owner of this process has to wait for its next read."""
        return bool(self._spent) and any(
            self._level(key, times) >= times * MOST_AT_ONCE_SECONDS
            for key, times in shares_of(self._owner(pid))
        )

    def spend(self, pid: int, seconds: float) -> None:
        """A read for this process took so long."""
        if seconds < _COUNTED_SECONDS:
            return
        for key, times in shares_of(self._owner(pid)):
            self._spent[key] = (self._level(key, times) + seconds, self._clock())
            self._spent.move_to_end(key)
        while len(self._spent) > _MOST_OWNERS:
            self._spent.popitem(last=False)

    def _level(self, key: Hashable, times: int) -> float:
        level, since = self._spent.get(key, (0.0, 0.0))
        return max(0.0, level - times * SHARE * (self._clock() - since))
