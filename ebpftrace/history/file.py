"""The file of the history: where it is, and whether other users could have written it.

Past runs decide what is reported and acted on, so a file that another user may write to,
or replace, is refused.
"""

import contextlib
import os
import stat
from pathlib import Path

from ebpftrace.errors import GoneError, HistoryError, UntrustedError
from ebpftrace.text import clean
from ebpftrace.trusted import TrustedFolder
from ebpftrace.trusted.rules import file_reason

VARIABLE = "EBPFTRACE_HISTORY"
DEFAULT_FILE = Path("/var/lib/ebpftrace/history.db")
_BESIDE = ("-wal", "-shm", "-journal")


def require_private(file: Path, *, make: bool) -> None:
    """HistoryError if another user could write the file, or replace it.

    With `make` a missing file is made, for this user alone, and so is its folder; without
    it, a missing file is a GoneError.
    """
    try:
        with TrustedFolder.open("the history", file.parent, make=make) as folder:
            if make:
                _make(folder, file.name)
            status = folder.stat(file.name)
            # SQLite reads what is beside the file, too: its log, and a journal.
            found = {file.name: status}
            for name in (file.name + end for end in _BESIDE):
                with contextlib.suppress(FileNotFoundError):
                    found[name] = folder.stat(name)
    except UntrustedError as error:
        raise HistoryError(
            f"other users may write to the history {shown(file)}", why=error.why, fix=error.fix
        ) from error
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
    for name, each in found.items():
        path = shown(file.with_name(name))
        if not stat.S_ISREG(each.st_mode):
            raise HistoryError(
                f"the history {path} is not a regular file",
                fix="name another file: --history FILE",
            )
        if reason := file_reason(each, may_be_linked=True):
            raise HistoryError(
                f"other users may write to the history {shown(file)}",
                why=f"{path} {reason}",
                fix=f"chown {os.geteuid()} {path}; chmod go-w {path}; if others may have "
                "written to it, remove the file",
            )


def shown(file: Path) -> str:
    """The path as it may be printed."""
    return clean(os.fsencode(file))


def _make(folder: TrustedFolder, name: str) -> None:
    try:
        os.close(folder.open_file(name, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
