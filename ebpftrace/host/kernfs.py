"""A cgroup's folder by its id, in one system call, without walking the tree.

kernfs file handles of type FILEID_KERNFS (0xfe, include/linux/exportfs.h) are the node's
64-bit id, which is what BPF reads as `cgroup->kn->id` and what stat(2) shows as the
folder's inode. open_by_handle_at(2) needs CAP_DAC_READ_SEARCH in the first user namespace.
"""

import ctypes
import errno
import os
from pathlib import Path

_FILEID_KERNFS = 0xFE
_GONE = {errno.ESTALE, errno.ENOENT}


class _KernfsHandle(ctypes.Structure):
    """`struct file_handle` with room for one kernfs id."""

    _fields_ = (
        ("handle_bytes", ctypes.c_uint),
        ("handle_type", ctypes.c_int),
        ("node_id", ctypes.c_uint64),
    )


class KernfsHandles:
    """Opens the nodes of one kernfs mount by id."""

    def __init__(self, mount: Path) -> None:
        """OSError if `mount` cannot be opened."""
        self._mount = str(mount)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._mount_fd = os.open(mount, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def folder(self, node_id: int) -> str | None:
        """The node's path below the mount, "/" for the mount itself.

        None if it was removed, or is outside what is mounted here. PermissionError
        without the capability; OSError if the file system has no such handles.
        """
        handle = _KernfsHandle(8, _FILEID_KERNFS, node_id)
        fd = self._libc.open_by_handle_at(
            self._mount_fd, ctypes.byref(handle), os.O_PATH | os.O_CLOEXEC
        )
        if fd < 0:
            code = ctypes.get_errno()
            if code in _GONE:
                return None
            raise OSError(code, os.strerror(code))
        try:
            path = str(Path(f"/proc/self/fd/{fd}").readlink())
        finally:
            os.close(fd)
        if path == self._mount:
            return "/"
        if not path.startswith(self._mount + "/"):
            return None
        if path.endswith(" (deleted)") and not _is_at(path, node_id):
            return None
        return path[len(self._mount) :]

    def close(self) -> None:
        os.close(self._mount_fd)


def _is_at(path: str, node_id: int) -> bool:
    """Whether the node is there: "(deleted)" may be part of the name that it was given."""
    try:
        return os.lstat(path).st_ino == node_id
    except OSError:
        return False
