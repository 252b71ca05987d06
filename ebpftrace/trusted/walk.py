"""Follows a path that no other user may be able to change.

From the root folder on, each part is opened by the descriptor of the part before, and looked
at after that: what is checked is what is used. A symbolic link is followed if it belongs to
root or to this user.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ebpftrace.errors import UntrustedError
from ebpftrace.text import clean
from ebpftrace.trusted.rules import folder_reason, owner_reason

_ENTRY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h


def follow_folder(what: str, path: Path, make_mode: int | None) -> int:
    """An O_PATH descriptor of a folder; it is made with its parents if there is a mode.

    UntrustedError if another user could change the path; OSError.
    """
    fd, _ = _follow(what, path, lambda _mode: True, make_mode)
    return fd


def follow_file(what: str, path: Path) -> tuple[int, str]:
    """The O_PATH descriptor of a file's folder, and its name there.

    The file need not exist, and is not looked at. Errors as `follow_folder`.
    """
    return _follow(what, path, stat.S_ISLNK, None)


def refusal(what: str, named: Path, found: str, reason: str) -> UntrustedError:
    """The error for `named`, since `found`, a part of it or itself, is not trusted."""
    shown, culprit = clean(os.fsencode(named)), clean(os.fsencode(found))
    if reason.endswith("link"):
        fix = f"remove {culprit}, or name another place"
    elif reason.startswith("belongs"):
        fix = f"name another place; or, where it is as it should be: chown root {culprit}"
    else:
        fix = f"name another place; or, where it is as it should be: chmod go-w {culprit}"
    return UntrustedError(
        f"other users could change {what} {shown}", why=f"{culprit} {reason}", fix=fix
    )


def _follow(
    what: str, path: Path, enters_last: Callable[[int], bool], make_mode: int | None
) -> tuple[int, str]:
    """(folder, "") for the whole path, else (folder of the last part, its name).

    The last part is entered if `enters_last` says so of its mode.
    """

    def require(found: str, reason: str) -> None:
        if reason:
            raise refusal(what, path, found, reason)

    fd, at, links = os.open("/", _ENTRY | os.O_DIRECTORY), "/", 0
    try:
        require(at, folder_reason(os.fstat(fd), at, sticky=True))
        left = _parts(os.fspath(Path.cwd() / path))
        while left:
            name = left.pop()
            below = os.path.normpath(f"{at.rstrip('/')}/{name}")
            try:
                entry = _open_entry(fd, name, make_mode)
            except FileNotFoundError:
                if left or enters_last(stat.S_IFDIR):
                    raise
                return fd, name
            try:
                status = os.fstat(entry)
                if not left and not enters_last(status.st_mode):
                    return fd, name
                if not stat.S_ISLNK(status.st_mode):
                    require(below, folder_reason(status, below, sticky=True))
                    following, at = os.open(".", _ENTRY | os.O_DIRECTORY, dir_fd=entry), below
                else:
                    require(below, owner_reason(status))
                    links += 1
                    if links > _MOST_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), below)
                    target = os.readlink("", dir_fd=entry)
                    left += _parts(target)
                    if not target.startswith("/"):
                        continue
                    following, at = os.open("/", _ENTRY | os.O_DIRECTORY), "/"
                os.close(fd)
                fd = following
            finally:
                os.close(entry)
    except OSError as error:
        os.close(fd)
        error.filename = os.fspath(path)  # not only the part
        raise
    except BaseException:
        os.close(fd)
        raise
    return fd, ""


def _parts(path: str) -> list[str]:
    """The parts of a path, the first one last."""
    return [part for part in path.split("/") if part not in ("", ".")][::-1]


def _open_entry(folder: int, name: str, make_mode: int | None) -> int:
    try:
        return os.open(name, _ENTRY, dir_fd=folder)
    except FileNotFoundError:
        if make_mode is None:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, make_mode, dir_fd=folder)
    return os.open(name, _ENTRY, dir_fd=folder)
