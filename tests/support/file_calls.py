"""Calls that look into files, replaced for one thread by ones that report what they touch.

A file on a file system that hangs blocks whatever looks at it, and a job chooses the file
systems of its files. Files of /proc and /sys are the kernel's own; but a link of
/proc/PID such as root, cwd or exe leads to files that the process chose.
"""

import builtins
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

_FOLLOWING = ("stat", "open", "listdir", "scandir")
_NOT_FOLLOWING = ("lstat", "readlink")
_KERNEL = ("/proc", "/sys", "/dev", "pipe:", "socket:", "anon_inode:", "/memfd:")
_CHOSEN = re.compile(r"/proc/\d+/(task/\d+/)?(root|cwd|exe|fd/\d+)(?P<below>/.*)?$")


class FileCalls:
    """Calls `foreign()` for a file that is not the kernel's, nor in or above an `own` folder.

    `listed(count)` is called with the number of entries of each folder that is listed.
    """

    def __init__(
        self,
        own: tuple[Path, ...],
        foreign: Callable[[], None],
        listed: Callable[[int], None],
        watched: Callable[[], bool],
    ) -> None:
        self._own = tuple(map(str, own))
        self._foreign = foreign
        self._listed = listed
        self._watched = watched

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Within this block the calls are replaced."""
        with ExitStack() as stack:
            for name in _FOLLOWING + _NOT_FOLLOWING:
                call = self._guarded(getattr(os, name), follows=name in _FOLLOWING)
                if name in ("listdir", "scandir"):
                    call = self._counted(call)
                stack.enter_context(mock.patch.object(os, name, call))
            stack.enter_context(mock.patch.object(os, "write", self._guarded_write(os.write)))
            guarded_open = self._guarded(io.open, follows=True)
            stack.enter_context(mock.patch.object(io, "open", guarded_open))
            stack.enter_context(mock.patch.object(builtins, "open", guarded_open))
            yield

    def _guarded(self, original: Callable[..., Any], *, follows: bool) -> Callable[..., Any]:
        def call(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            if self._watched():
                follow = follows and kwargs.get("follow_symlinks", True)
                if self._is_foreign(_absolute(path, kwargs.get("dir_fd")), follows=follow):
                    self._foreign()
            return original(path, *args, **kwargs)

        return call

    def _guarded_write(self, original: Callable[[int, bytes], int]) -> Callable[..., int]:
        def write(fd: int, data: bytes) -> int:
            if (
                self._watched()
                and stat.S_ISREG(os.fstat(fd).st_mode)
                and self._is_foreign(_absolute(fd, None), follows=False)
            ):
                self._foreign()
            return original(fd, data)

        return write

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def list_folder(*args: Any) -> Any:
            listed = call(*args)
            if not self._watched():
                return listed
            if isinstance(listed, list):
                self._listed(len(listed))
                return listed
            return _CountedEntries(listed, self._listed)

        return list_folder

    def _is_foreign(self, path: str, *, follows: bool) -> bool:
        if chosen := _CHOSEN.match(path):
            return follows or bool(chosen["below"])
        if any(own.startswith(f"{path.rstrip('/')}/") for own in self._own):
            return False  # the way to it, which the kernel follows, too
        return not path.startswith(_KERNEL + self._own)


class _CountedEntries:
    """In place of what `os.scandir` returns."""

    def __init__(self, entries: Any, listed: Callable[[int], None]) -> None:
        self._entries = entries
        self._listed = listed

    def __enter__(self) -> "_CountedEntries":
        return self

    def __exit__(self, *_error: object) -> None:
        self._entries.close()

    def __iter__(self) -> Iterator[Any]:
        for entry in self._entries:
            self._listed(1)
            yield entry

    def close(self) -> None:
        self._entries.close()


_READLINK = os.readlink


def _absolute(path: Any, dir_fd: int | None) -> str:
    if isinstance(path, int):
        try:
            return _READLINK(f"/proc/self/fd/{path}")
        except OSError:
            return "/proc/self/fd"  # it is closed: the call fails at once
    folder = Path.cwd() if dir_fd is None else Path(_absolute(dir_fd, None))
    return str(folder / os.fsdecode(path))
