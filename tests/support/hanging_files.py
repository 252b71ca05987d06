"""A FUSE file system with one file, whose server stops answering after a call of `hang`.

Source: include/uapi/linux/fuse.h. The server is a thread here, on /dev/fuse itself.
"""

import contextlib
import ctypes
import errno
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_NAME = "program"
_FORGET, _INTERRUPT, _BATCH_FORGET = 2, 36, 42
_LOOKUP, _GETATTR, _OPEN, _READ, _RELEASE, _FLUSH, _INIT = 1, 3, 14, 15, 18, 25, 26
_HEADER = struct.Struct("=IIQQIIII")
_MNT_FORCE, _MNT_DETACH = 1, 2
_FILE, _ROOT = 2, 1
_BUFFER = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)


class HangingFiles:
    """`program` is a copy of a file. After `hang`, whatever asks the server waits."""

    def __init__(self, mount: Path, content: bytes) -> None:
        self.program = mount / _NAME
        self.asked_in_vain = threading.Event()
        """Set once something waits for an answer that does not come."""
        self._mount, self._content = mount, content
        self._hangs = self._closed = False
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        if _libc.mount(b"hanging", os.fsencode(mount), b"fuse", 0, options.encode()):
            os.close(self._fd)
            raise OSError(ctypes.get_errno(), "cannot mount a FUSE file system")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hang(self) -> None:
        """From here on nothing is answered."""
        self._hangs = True

    def close(self) -> None:
        """Unmount it: whatever waits gets an error. May be called again."""
        if self._closed:
            return
        self._closed = True
        _libc.umount2(os.fsencode(self._mount), _MNT_FORCE | _MNT_DETACH)
        self._thread.join(10)
        os.close(self._fd)

    def _serve(self) -> None:
        while True:
            try:
                data = os.read(self._fd, _BUFFER + 4096)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return  # ENODEV: it was unmounted
            _size, opcode, unique, node, *_ = _HEADER.unpack_from(data)
            if opcode in (_FORGET, _INTERRUPT, _BATCH_FORGET):
                continue
            if self._hangs:
                self.asked_in_vain.set()
                continue
            code, body = self._answer(opcode, node, data[_HEADER.size :])
            with contextlib.suppress(OSError):  # interrupted meanwhile
                os.write(self._fd, struct.pack("=IiQ", 16 + len(body), -code, unique) + body)

    def _answer(self, opcode: int, node: int, body: bytes) -> tuple[int, bytes]:
        if opcode == _INIT:
            return 0, struct.pack("=IIIIHHIIHHII6I", 7, 31, 0, 0, 8, 8, 65536, 1, 0, 0, 0, 0,
                                  *[0] * 6)  # fmt: skip
        if opcode == _LOOKUP:
            if body != f"{_NAME}\0".encode():
                return errno.ENOENT, b""
            return 0, struct.pack("=QQQQII", _FILE, 0, 3600, 0, 0, 0) + self._attributes(_FILE)
        if opcode == _GETATTR:
            return 0, struct.pack("=QII", 0, 0, 0) + self._attributes(node)
        if opcode == _OPEN:
            return 0, struct.pack("=QII", 1, 0, 0)
        if opcode == _READ:
            _handle, offset, size = struct.unpack_from("=QQI", body)
            return 0, self._content[offset : offset + size]
        return (0 if opcode in (_RELEASE, _FLUSH) else errno.ENOSYS), b""

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o40755, 0) if node == _ROOT else (0o100755, len(self._content))
        return struct.pack("=6Q10I", node, size, size // 512 + 1, 0, 0, 0, 0, 0, 0, mode, 1,
                           0, 0, 0, 4096, 0)  # fmt: skip


@contextmanager
def hanging_files(original: Path) -> Iterator[HangingFiles]:
    """A copy of `original` on such a file system, which every user may look into."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no FUSE")
    with TemporaryDirectory(prefix="ebpftrace-hanging-") as made:
        Path(made).chmod(0o755)
        files = HangingFiles(Path(made), original.read_bytes())
        try:
            yield files
        finally:
            files.close()
