"""The file of the history: where it is, and whether other users could have written it.

Past runs decide what is reported and acted on, so a file that another user may write to,
or replace, is refused.
"""

import os
import stat
from pathlib import Path

from ebpftrace.errors import GoneError, HistoryError
from ebpftrace.text import clean

VARIABLE = "EBPFTRACE_HISTORY"
DEFAULT_FILE = Path("/var/lib/ebpftrace/history.db")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def require_private(file: Path, *, make: bool) -> None:
    """HistoryError if another user could write the file, or replace it.

    With `make` a missing file is made, for this user alone, and so is its folder; without
    it, a missing file is a GoneError.
    """
    try:
        if make:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(file)
        folder, status = file.parent.stat(), file.lstat()
    except FileNotFoundError as error:
        raise GoneError(
            f"there is no history {shown(file)}",
            why="no watch has recorded a run there",
            fix="give the file that was passed to: ebpftrace watch --history FILE",
        ) from error
    except OSError as error:
        raise HistoryError(
            f"the history {shown(file)} cannot be opened",
            why=error.strerror or str(error),
            fix="run it as root, or name another file: --history FILE",
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise HistoryError(
            f"the history {shown(file)} is not a regular file",
            fix="name another file: --history FILE",
        )
    for path, found in ((file.parent, folder), (file, status)):
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
            raise HistoryError(
                f"other users may write to the history {shown(file)}",
                why=f"{shown(path)} has the mode {stat.S_IMODE(found.st_mode):04o} and "
                f"belongs to uid {found.st_uid}",
                fix=f"chown {os.geteuid()} {shown(path)}; chmod go-w {shown(path)}; if others "
                "may have written to it, remove the file",
            )


def shown(file: Path) -> str:
    """The path as it may be printed."""
    return clean(os.fsencode(file))


def _make(file: Path) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(file, flags, 0o600))
    except FileExistsError:
        return
