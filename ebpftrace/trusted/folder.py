"""Opens what root reads or writes by a path, so that no other user can steer it elsewhere."""

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ebpftrace.trusted.rules import (
    OTHERS_MAY_WRITE,
    file_reason,
    folder_reason,
    owner_reason,
)
from ebpftrace.trusted.walk import follow_file, follow_folder, refusal

_ALWAYS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class TrustedFolder:
    """An open folder that no other user can replace; `what` is what it is for, in errors.

    `fd` is an O_PATH descriptor. `shared`: others may add entries, as in /tmp.
    """

    what: str  # "the audit log"
    path: Path
    fd: int
    shared: bool

    @classmethod
    def open(
        cls, what: str, path: Path, *, make: bool = False, mode: int = 0o700,
        sticky: bool = False,
    ) -> "TrustedFolder":  # fmt: skip
        """UntrustedError if another user could replace it; OSError if it cannot be opened.

        With `make` it is made, with missing parents. With `sticky` it may be one like /tmp.
        """
        folder = cls._of(what, path, follow_folder(what, path, mode if make else None))
        if folder.shared and not sticky:
            reason = folder_reason(os.fstat(folder.fd), "", sticky=False)
            folder.close()
            raise refusal(what, path, os.fspath(path), reason)
        return folder

    @classmethod
    def _of(cls, what: str, path: Path, fd: int) -> "TrustedFolder":
        return cls(what, path, fd, bool(os.fstat(fd).st_mode & OTHERS_MAY_WRITE))

    def __enter__(self) -> "TrustedFolder":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def open_file(
        self, name: str, flags: int, mode: int = 0o600, *, pipes: bool = False
    ) -> int:
        """The descriptor of a file in it that no other user can change. It never waits.

        UntrustedError for a symbolic link, a file of another user's, and a hard link that is
        to be written or that others could have made; OSError. Only a regular file, with
        `pipes` anything but a folder.
        """
        path = self.path / name
        try:
            # Truncated below, once it was looked at.
            fd = os.open(name, (flags & ~os.O_TRUNC) | _ALWAYS, mode, dir_fd=self.fd)
        except OSError as error:
            if reason := self._entry_reason(name, error):
                raise self._refusal(path, reason) from error
            error.filename = os.fspath(path)
            raise
        try:
            status = os.fstat(fd)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR:
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
            if kind != stat.S_IFREG and not pipes:
                raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
            read_only = flags & os.O_ACCMODE == os.O_RDONLY
            if reason := file_reason(status, may_be_linked=read_only and not self.shared):
                raise self._refusal(path, reason)
            if flags & os.O_TRUNC and kind == stat.S_IFREG:
                os.ftruncate(fd, 0)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def folder(self, name: str) -> "TrustedFolder":
        """A folder in it, opened. UntrustedError if another user could change what is in it,
        or it is a symbolic link; OSError.
        """
        path = self.path / name
        flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            opened = TrustedFolder._of(self.what, path, os.open(name, flags, dir_fd=self.fd))
        except NotADirectoryError as error:
            if stat.S_ISLNK(self.stat(name).st_mode):
                raise self._refusal(path, "is a symbolic link") from error
            raise
        if reason := folder_reason(os.fstat(opened.fd), "", sticky=False):
            opened.close()
            raise self._refusal(path, reason)
        return opened

    def _entry_reason(self, name: str, error: OSError) -> str:
        """Why the kernel refused to open an entry, if others made it; else ""."""
        if error.errno == errno.ELOOP:
            return "is a symbolic link"
        with contextlib.suppress(OSError):
            # fs.protected_regular and fs.protected_fifos of proc_sys_fs(5).
            return owner_reason(self.stat(name)) if error.errno == errno.EACCES else ""
        return ""

    def stat(self, name: str) -> os.stat_result:
        """The status of an entry, without following a symbolic link. OSError."""
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def is_in_place(self) -> bool:
        """Whether the path still leads to this folder."""
        with contextlib.suppress(OSError):
            return os.path.samestat(self.path.stat(), os.fstat(self.fd))
        return False

    def rename(self, old: str, new: str) -> None:
        """Rename an entry, in the place of one that has the new name. OSError."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Remove an entry, if there is one. OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def names(self) -> list[str]:
        """The names of all entries, sorted. OSError."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            return sorted(os.listdir(fd))  # noqa: PTH208 - a descriptor has no Path
        finally:
            os.close(fd)

    def close(self) -> None:
        os.close(self.fd)

    def _refusal(self, path: Path, reason: str) -> Exception:
        return refusal(self.what, path, os.fspath(path), reason)


def open_trusted(
    what: str, file: Path, flags: int, mode: int = 0o600, *, pipes: bool = False
) -> int:
    """The descriptor of a file that no other user can change or replace.

    A symbolic link to it is followed if it belongs to root or this user. It may be in a
    folder such as /tmp. Errors and the rest as `TrustedFolder.open_file`.
    """
    fd, name = follow_file(what, file)
    with TrustedFolder(
        what, file.parent, fd, bool(os.fstat(fd).st_mode & OTHERS_MAY_WRITE)
    ) as folder:
        if not name:
            raise OSError(None, "it is not a regular file")
        return folder.open_file(name, flags, mode, pipes=pipes)
