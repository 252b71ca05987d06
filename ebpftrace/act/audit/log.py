"""The audit log: every decision and step, one JSON object a line, only ever appended.

A line is written whole before the step it tells of goes on, so that a crash of ebpftrace
loses none; a thread syncs it to the disk, so that a slow disk does not hold up a step.
A line torn by a power cut is passed over when it is read, and closed off before the next.
"""

import contextlib
import errno
import fcntl
import json
import os
import stat
import threading
from collections import deque
from pathlib import Path
from typing import Any

from ebpftrace.errors import EbpftraceError, LogTakenError
from ebpftrace.text import clean
from ebpftrace.units import MIB

DEFAULT_FILE = Path("/var/log/ebpftrace/audit.jsonl")
SIZE_BYTES = 8 * MIB
KEPT = 3  # older files: audit.jsonl.1 is the youngest of them
_SYNC_SECONDS = 0.1
_WAITING = 256  # lines that a full disk refused; the oldest go first

Record = dict[str, Any]


class AuditLog:
    """Append with `write`; `close` waits until all is on the disk.

    EbpftraceError if the file cannot be opened, LogTakenError if another ebpftrace writes
    to it: two of them would act on the same jobs. Later failures (a full disk) are in
    `trouble`: a breaker that stopped acting because its log is full would let the fire burn.
    What could not be written is kept, and written once there is room.
    """

    def __init__(
        self, file: Path = DEFAULT_FILE, *, size_bytes: int = SIZE_BYTES, kept: int = KEPT
    ) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._kept = kept
        self._unwritten = ""
        self._unsynced = ""
        self._lines: deque[bytes] = deque(maxlen=_WAITING)
        try:
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._fd = _open(file)
            self._torn = _is_torn(self._fd)
        except BlockingIOError as error:
            raise LogTakenError(
                f"another ebpftrace writes the audit log {clean(os.fsencode(file))}",
                why="two breakers would act on the same jobs, each with a budget of its own",
                fix="end the other one, or give this one a log of its own: --audit FILE",
            ) from error
        except OSError as error:
            raise EbpftraceError(
                f"cannot write the audit log {clean(os.fsencode(file))}",
                why=error.strerror or str(error),
                fix="make room for it, or choose another place: --audit FILE",
            ) from error
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()  # held while the descriptor is changed
        self._syncer = threading.Thread(target=self._sync, name="audit", daemon=True)
        self._syncer.start()

    @property
    def trouble(self) -> str:
        """What keeps it from being written or synced now; "" if nothing does."""
        return self._unwritten or self._unsynced

    def write(self, record: Record) -> None:
        """Append one line, after those that wait. Never raises: see `trouble`."""
        self._lines.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        self._flush()

    def _flush(self) -> None:
        try:
            while self._lines:
                self._append(self._lines[0])
                self._lines.popleft()
                self._dirty.set()
        except BlockingIOError:
            self._unwritten = "the audit log cannot be written: another ebpftrace writes to it"
        except OSError as error:
            self._unwritten = f"the audit log cannot be written: {error.strerror or error}"
        else:
            self._unwritten = ""

    def _append(self, line: bytes) -> None:
        self._follow()
        size = os.fstat(self._fd).st_size
        if size + len(line) > self._size_bytes:
            self._rotate()
            size = 0
        if self._torn:
            line = b"\n" + line  # closes off what a power cut left
        if os.write(self._fd, line) < len(line):
            # Half a line would spoil the next one as well.
            torn, self._torn = self._torn, True
            os.ftruncate(self._fd, size)
            self._torn = torn
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def close(self) -> None:
        if self._lines:
            self._flush()
        self._closing.set()
        self._dirty.set()
        self._syncer.join(5)
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _rotate(self) -> None:
        """The new file first: where there is no room for it, no older one is given up."""
        fresh = self._file.with_name(f"{self._file.name}.new")
        fresh.unlink(missing_ok=True)
        fd = _open(fresh)
        try:
            for number in range(self._kept, 0, -1):
                newer = self._numbered(number - 1) if number > 1 else self._file
                with contextlib.suppress(FileNotFoundError):
                    newer.rename(self._numbered(number))
            fresh.rename(self._file)
        except BaseException:
            os.close(fd)
            raise
        with self._lock:
            old, self._fd = self._fd, fd
            self._torn = False
            try:
                os.fsync(old)
            finally:
                os.close(old)

    def _follow(self) -> None:
        """Begin anew where somebody moved the file away (logrotate), or removed it."""
        try:
            there, ours = self._file.lstat(), os.fstat(self._fd)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        except FileNotFoundError:
            self._file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fd = _open(self._file)
        with self._lock:
            os.close(self._fd)
            self._fd = fd
            self._torn = _is_torn(fd)

    def _numbered(self, number: int) -> Path:
        return self._file.with_name(f"{self._file.name}.{number}")

    def _sync(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            # A write waits for a sync that runs: the first steps of an incident shall not.
            self._closing.wait(_SYNC_SECONDS)
            self._dirty.clear()
            with self._lock:
                try:
                    os.fdatasync(self._fd)
                except OSError as error:
                    self._unsynced = f"the audit log cannot be synced: {error.strerror}"
                else:
                    self._unsynced = ""


def _open(file: Path) -> int:
    """Its descriptor, for us alone: BlockingIOError where another holds it."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(file, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, "it is no regular file, and could not be read back")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_torn(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return bool(size) and os.pread(fd, 1, size - 1) != b"\n"
