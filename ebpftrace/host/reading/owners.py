"""Whose process it is, where each user is to have no more than a share.

A user of the machine may have further numbers, its sub-uids (subuid(5)), for the users of its
containers: all of them are that user. Where these are not listed, as those of a container's
manager or of a directory are not, every number is a user, and neighbours have two shares.
"""

import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.host.reading.proc_file import matching_lines, proc_chunks, read_proc_file
from ebpftrace.trusted import open_trusted

_PROC = Path("/proc")
_ETC = Path("/etc")
_STATUS_LIMIT = 16 << 10
_FILE_LIMIT = 1 << 20
_MOST_RANGES = 16_384
_UID = re.compile(rb"^Uid:\t(\d{1,10})\t.*$", re.MULTILINE)
_RANGE = re.compile(rb"^([^:\n]{1,64}):(\d{1,10}):(\d{1,10})$", re.MULTILINE)
_USER = re.compile(rb"^([^:\n]{1,64}):[^:\n]*:(\d{1,10}):", re.MULTILINE)
_UNLISTED, _CONTAINER = 100_000, 65_536
"""From here on, so many numbers beside each other may be one user's, or one container's."""


class _Range(NamedTuple):
    start: int
    end: int
    owner: Hashable  # None: root, whose containers are not one user


class _SubUids:
    """The ranges of a folder's `subuid`, read again once that has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version: tuple[int, ...] = ()
        self._ranges: list[_Range] = []

    def owner(self, uid: int) -> Hashable:
        """Whose sub-uid it is; None: it is in no range."""
        self._read_again()
        at = bisect_right(self._ranges, uid, key=lambda it: it.start) - 1
        if at < 0 or uid >= self._ranges[at].end:
            return None
        found = self._ranges[at]
        if found.owner is None:
            return ("container", found.start, (uid - found.start) // _CONTAINER)
        return found.owner

    def _read_again(self) -> None:
        version: tuple[int, ...] = ()
        with suppress(OSError):
            status = (self._folder / "subuid").stat()
            version = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        if version != self._version:
            self._version = version
            self._ranges = self._read() if version else []

    def _read(self) -> list[_Range]:
        uids = {match[1]: int(match[2]) for match in _USER.finditer(self._file("passwd"))}
        ranges = []
        for match in _RANGE.finditer(self._file("subuid")):
            name, start, count = match[1], int(match[2]), int(match[3])
            uid = int(name) if name.isdigit() else uids.get(name)
            owner: Hashable = name if uid is None else uid or None
            ranges.append(_Range(start, start + count, owner))
        return sorted(ranges[:_MOST_RANGES], key=lambda it: it.start)

    def _file(self, name: str) -> bytes:
        """Its beginning; nothing if another user could have written it, or there is none."""
        with suppress(OSError, EbpftraceError):
            fd = open_trusted("the list of users", self._folder / name, os.O_RDONLY)
            with os.fdopen(fd, "rb") as file:
                return file.read(_FILE_LIMIT)
        return b""


_SUBUIDS = _SubUids(_ETC)


def owner_of(pid: int, proc: Path = _PROC, subuids: _SubUids = _SUBUIDS) -> Hashable:
    """The user whose process it is; of root's, its cgroups: a container's root is not ours.

    The real user id, which a process cannot choose; of a sub-uid the user whose it is. None if
    the process has ended.
    """
    with suppress(FileNotFoundError, ProcessLookupError, NotPermittedError):
        for found in matching_lines(_UID, proc_chunks(proc, pid, "status", _STATUS_LIMIT)):
            if uid := int(found[1]):
                return subuids.owner(uid) or uid
            return read_proc_file(proc, pid, "cgroup")
    return None


def shares_of(owner: Hashable) -> tuple[tuple[Hashable, int], ...]:
    """What an owner counts for, and how many shares each of these has.

    Numbers that nothing lists may all be one user's, so those beside each other have two.
    """
    if isinstance(owner, int) and owner >= _UNLISTED:
        return (owner, 1), (("beside", (owner - _UNLISTED) // _CONTAINER), 2)
    return ((owner, 1),)


def is_full(owner: Hashable, others: Iterable[Hashable], most: int) -> bool:
    """Whether an owner has its share already, which is `most` of the others."""
    taken = Counter(key for other in others for key, _shares in shares_of(other))
    return any(taken[key] >= shares * most for key, shares in shares_of(owner))
