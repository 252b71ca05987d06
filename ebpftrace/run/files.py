"""Files that a run writes for its job, as root often into a folder of the job's user.

Where another user could have root write to another file, the file is opened with that user's
rights: then it can be led to nothing but that user's own files.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ebpftrace.errors import UntrustedError
from ebpftrace.trusted.exports import open_export
from ebpftrace.trusted.rules import trusted_users

_COMMON = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MODE = 0o644


def open_output(what: str, file: Path) -> int:
    """An empty file for writing. UntrustedError if no single user could change its path;
    OSError."""
    try:
        return open_export(what, file)
    except UntrustedError:
        owner = _other_owner(file)
        if owner is None:
            raise
        with _rights_of(owner):
            return os.open(file, _COMMON | os.O_TRUNC, _MODE)


def open_appended(file: Path) -> int:
    """For writing at its end. OSError."""
    with _rights_of(_other_owner(file)):
        return os.open(file, _COMMON | os.O_APPEND, _MODE)


def _other_owner(file: Path) -> os.stat_result | None:
    """The first part of the path that belongs to a user who is neither root nor this one."""
    if os.geteuid():
        return None
    file = file.absolute()
    for part in (*reversed(file.parents), file):
        try:
            status = part.lstat()
        except FileNotFoundError:
            return None
        if status.st_uid not in trusted_users():
            return status
    return None


@contextlib.contextmanager
def _rights_of(owner: os.stat_result | None) -> Iterator[None]:
    """The whole process has them meanwhile; None: its own."""
    if owner is None:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    try:
        os.setgroups([owner.st_gid])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)
