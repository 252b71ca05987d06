"""Which reads are stuck, and of whose processes: no user has more than a share.

A read that is stuck takes a thread or a process until it returns, so there can be few. If one
user could have all of them, nothing would be read of the processes of others.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ebpftrace.host.reading.owners import is_full, owner_of

MOST_STUCK = 8
MOST_OF_OWNER = 2

Read = TypeVar("Read")


class StuckReads(Generic[Read]):
    """`has_ended` tells whether a read has returned."""

    def __init__(
        self,
        has_ended: Callable[[Read], bool],
        owner: Callable[[int], Hashable] = owner_of,
    ) -> None:
        self._has_ended = has_ended
        self._owner = owner
        self._reads: list[tuple[Hashable, Hashable, Read]] = []

    def refuses(self, about: Hashable, pid: int) -> bool:
        """Whether no further read of this process may be tried.

        `about` is the process or the file system: one stuck read of it is enough.
        """
        self._reads = [entry for entry in self._reads if not self._has_ended(entry[2])]
        if not self._reads:
            return False
        if len(self._reads) >= MOST_STUCK or any(entry[0] == about for entry in self._reads):
            return True
        owners = (entry[1] for entry in self._reads)
        return is_full(self._owner(pid), owners, MOST_OF_OWNER)

    def add(self, about: Hashable, pid: int, read: Read) -> None:
        """A read of this process is stuck."""
        self._reads.append((about, self._owner(pid), read))

    @property
    def reads(self) -> list[Read]:
        """Those that were stuck when `refuses` was last called, and since."""
        return [read for _about, _owner, read in self._reads]
