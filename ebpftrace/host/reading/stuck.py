"""Which reads are stuck, and of whose processes: no user has more than a share.

A read that is stuck takes a thread or a process until it returns, so there can be few. If one
user could have all of them, nothing would be read of the processes of others.
"""

import re
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from ebpftrace.errors import NotPermittedError
from ebpftrace.host.reading.proc_file import matching_lines, proc_chunks, read_proc_file

MOST_STUCK = 8
MOST_OF_OWNER = 2

_PROC = Path("/proc")
_STATUS_LIMIT = 16 << 10
_UID = re.compile(rb"^Uid:\t(\d{1,10})\t.*$", re.MULTILINE)
_SUBUIDS, _SUBUIDS_OF_USER = 100_000, 65_536
"""Users of rootless containers, as useradd(8) divides them among the users of the machine."""

Read = TypeVar("Read")


def owner_of(pid: int, proc: Path = _PROC) -> Hashable:
    """The user whose process it is; of root's, its cgroups: a container's root is not ours.

    The real user id, which a process cannot choose. None if the process has ended.
    """
    with suppress(FileNotFoundError, ProcessLookupError, NotPermittedError):
        for found in matching_lines(_UID, proc_chunks(proc, pid, "status", _STATUS_LIMIT)):
            if uid := int(found[1]):
                container = (uid - _SUBUIDS) // _SUBUIDS_OF_USER
                return uid if container < 0 else ("subuids", container)
            return read_proc_file(proc, pid, "cgroup")
    return None


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
        owner = self._owner(pid)
        return sum(entry[1] == owner for entry in self._reads) >= MOST_OF_OWNER

    def add(self, about: Hashable, pid: int, read: Read) -> None:
        """A read of this process is stuck."""
        self._reads.append((about, self._owner(pid), read))

    @property
    def reads(self) -> list[Read]:
        """Those that were stuck when `refuses` was last called, and since."""
        return [read for _about, _owner, read in self._reads]
