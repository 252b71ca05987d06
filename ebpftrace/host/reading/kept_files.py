"""Files that are opened before they are needed, and read when they are.

To open one takes several times as long as to read it, where nothing of it is in the caches of
the processor: a hook waits for both at its breach.
"""

import contextlib
import os

from ebpftrace import descriptors
from ebpftrace.host.reading.proc_file import read_open, read_start


class KeptFiles:
    """Each is read as it is at that time. Nothing depends on it: others are opened as usual."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}

    def keep(self, path: str) -> None:
        """Open a file until `clear`, if that is possible and was not done."""
        if path not in self._fds:
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self._fds[path] = descriptors.keep(fd)

    def read(self, path: str, limit: int) -> bytes:
        """As `read_start`. What has ended or was removed since is looked for anew."""
        fd = self._fds.get(path)
        if fd is not None:
            with contextlib.suppress(OSError):
                return read_open(fd, limit)
        return read_start(path, limit)

    def clear(self) -> None:
        """Close all of them."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
