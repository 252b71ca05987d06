"""Files that a user names and ebpftrace only writes: outputs, screenshots, saved frames."""

import os
import re
from pathlib import Path

from ebpftrace.trusted.folder import TrustedFolder, open_trusted

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MODE = 0o666
_OWN = re.compile(r"/dev/(stdout|stderr|fd/[0-9]+)|/proc/self/fd/[0-9]+")


def open_export(what: str, file: Path) -> int:
    """An empty file for writing, opened as a shell's `>FILE` does; it never waits.

    UntrustedError if this is root, and another user could have it write to another file;
    OSError. An ordinary user has no more rights than the shell.
    """
    if os.geteuid() or _OWN.fullmatch(os.fspath(file)):
        return os.open(file, _FLAGS, _MODE)
    return open_trusted(what, file, _FLAGS, _MODE, pipes=True)


def require_export_folder(what: str, folder: Path) -> None:
    """UntrustedError if this is root, and another user could replace the folder; OSError."""
    if not os.geteuid():
        TrustedFolder.open(what, folder, sticky=True).close()
