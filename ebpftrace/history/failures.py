"""What SQLite says, as errors for users."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ebpftrace.errors import HistoryError
from ebpftrace.history.file import shown

_ANOTHER = "name another file: --history FILE"
_FAILURES = {
    "SQLITE_BUSY": ("is locked by another program", "wait until that has ended"),
    "SQLITE_LOCKED": ("is locked by another program", "wait until that has ended"),
    "SQLITE_CORRUPT": ("is damaged", "move it away: mv {file} {file}.damaged"),
    "SQLITE_NOTADB": ("is damaged, or no history", "move it away: mv {file} {file}.damaged"),
    "SQLITE_ERROR": ("is damaged, or no history", "move it away: mv {file} {file}.damaged"),
    "SQLITE_READONLY": ("cannot be written", _ANOTHER),
    "SQLITE_CANTOPEN": ("cannot be opened", _ANOTHER),
    "SQLITE_FULL": ("cannot be written: the disk is full", "free some space, or " + _ANOTHER),
    "SQLITE_IOERR": ("cannot be read or written", "look for disk errors in: dmesg"),
}


@contextlib.contextmanager
def explained(file: Path) -> Iterator[None]:
    """Within this block an error of SQLite is a HistoryError."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # Of a damaged file even the message may be damaged; Python fails to decode it.
        name = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")
        if name.startswith("SQLITE_IOERR") and _is_full(file):
            name = "SQLITE_FULL"  # the index of the write-ahead log found no room
        kind = next((known for known in _FAILURES if name.startswith(known)), "")
        what, fix = _FAILURES.get(kind, ("cannot be used", _ANOTHER))
        raise HistoryError(
            f"the history {shown(file)} {what}",
            why=str(error),
            fix=fix.format(file=shown(file)),
        ) from error


def _is_full(file: Path) -> bool:
    try:
        return os.statvfs(file.parent).f_bavail == 0
    except OSError:
        return False
