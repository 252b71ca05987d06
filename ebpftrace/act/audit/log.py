"""The audit log: one JSON object a line for every decision and step, append-only.

Each line is written before the step it describes starts, so that a crash of ebpftrace
loses none; a thread syncs and closes files, so that a slow disk delays a step as little as
possible. A line torn by a power cut is skipped when it is read, and terminated before the
next is written.
"""

import contextlib
import errno
import fcntl
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.act.incident.records import Record
from ebpftrace.errors import EbpftraceError, LogTakenError, UntrustedError
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.text import clean
from ebpftrace.trusted import TrustedFolder
from ebpftrace.units import MIB

SIZE_BYTES = 8 * MIB
KEPT = 3  # older files; audit.jsonl.1 is the newest of them
_SYNC_SECONDS = 0.1
_LAST_SYNC_SECONDS = 5.0
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one for each line
_MAX_UNWRITTEN = 256  # lines kept while the disk is full; the oldest are dropped first


class AuditLog:
    """`write` appends a line; `close` waits until all lines are on the disk, 5 s at most.

    EbpftraceError if the file cannot be opened, UntrustedError if another user could change
    it, LogTakenError if another ebpftrace writes to it: both would act on the same jobs.
    Later failures (a full disk) do not raise, so that the breaker keeps acting; they are in
    `trouble`, and the unwritten lines are written once there is room.
    """

    def __init__(
        self, file: Path = DEFAULT_FILE, *, size_bytes: int = SIZE_BYTES, kept: int = KEPT
    ) -> None:
        self._file = file
        self._size_bytes, self._kept = size_bytes, kept
        self._unwritten = self._unsynced = ""
        self._awaits_sync = self._wakes_later = False
        self._begun = b""  # lines that are written with the next
        self._lines: deque[bytes] = deque(maxlen=_MAX_UNWRITTEN)
        try:
            self._folder = _open_folder(file)
            try:
                self._fd = _open(self._folder, file.name)
                self._status = os.fstat(self._fd)  # which file it is
                self._torn = _is_torn(self._fd)
            except BaseException:
                self._folder.close()
                raise
        except BlockingIOError as error:
            raise LogTakenError(
                f"another ebpftrace writes the audit log {clean(os.fsencode(file))}",
                why="two breakers would act on the same jobs, each with its own budget",
                fix="stop the other, or write to another log: --audit FILE",
            ) from error
        except UntrustedError as error:
            raise UntrustedError(
                f"cannot write the audit log {clean(os.fsencode(file))}",
                why=error.why,
                fix=f"{error.fix}; another place: --audit FILE",
            ) from error
        except OSError as error:
            raise EbpftraceError(
                f"cannot write the audit log {clean(os.fsencode(file))}",
                why=error.strerror or str(error),
                fix="free space, or write to another file: --audit FILE",
            ) from error
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._end_reader, self._end_writer = os.pipe()  # closed as the thread ends
        self._replaced: deque[int] = deque()  # descriptors that the thread is to close
        threading.Thread(target=self._sync, name="audit", daemon=True).start()

    @property
    def trouble(self) -> str:
        """Why the log cannot be written or synced now; "" if it can."""
        return self._unwritten or self._unsynced

    def write(self, record: Record, *, with_next: bool = False) -> None:
        """Append one line, after any unwritten ones. Never raises: see `trouble`.

        `with_next`: another line follows at once, and both are written together.
        """
        self._begun += _ENCODER.encode(record).encode() + b"\n"
        if not with_next:
            self._lines.append(self._begun)
            self._begun = b""
            self._flush()

    @contextlib.contextmanager
    def syncing_after(self) -> Iterator[None]:
        """Wake the thread that syncs after the block: it would take Python's lock from it."""
        self._wakes_later = True
        try:
            yield
        finally:
            self._wakes_later = False
            self._wake()

    def _wake(self) -> None:
        if self._awaits_sync and not self._wakes_later:
            self._awaits_sync = False
            self._dirty.set()

    def _flush(self) -> None:
        try:
            while self._lines:
                self._append(self._lines[0])
                self._lines.popleft()
                self._awaits_sync = True
                self._wake()
            self._unwritten = ""
        except BlockingIOError:
            self._unwritten = "the audit log cannot be written: another ebpftrace writes to it"
        except OSError as error:
            self._unwritten = f"the audit log cannot be written: {error.strerror or error}"
        except UntrustedError as error:
            self._unwritten = f"the audit log cannot be written: {error.why}"

    def _append(self, line: bytes) -> None:
        size = self._follow()
        if size + len(line) > self._size_bytes:
            self._rotate()
            size = 0
        if self._torn:
            line = b"\n" + line  # terminates the line torn by a power cut
        if os.write(self._fd, line) < len(line):
            # Half a line would corrupt the next one as well.
            torn, self._torn = self._torn, True
            os.ftruncate(self._fd, size)
            self._torn = torn
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def close(self, wait: WaitReadable = wait_readable) -> None:
        """Write what is left, sync, and end the thread. May be called again.

        The log is free for the next writer, whether the disk answers within 5 s or not.
        """
        if self._closing.is_set():
            return
        if self._begun:
            self._lines.append(self._begun)
        if self._lines:
            self._flush()
        fcntl.flock(self._fd, fcntl.LOCK_UN)  # nothing is written any more
        self._replace(-1)
        self._folder.close()
        self._closing.set()
        self._dirty.set()
        wait(self._end_reader, _LAST_SYNC_SECONDS)
        os.close(self._end_reader)

    def _rotate(self) -> None:
        """Create the new file first: without room for it, no older file is lost."""
        folder, name = self._folder, self._file.name
        fresh = f"{name}.new"
        folder.unlink(fresh)
        fd = _open(folder, fresh)
        try:
            for number in range(self._kept, 0, -1):
                newer = f"{name}.{number - 1}" if number > 1 else name
                with contextlib.suppress(FileNotFoundError):
                    folder.rename(newer, f"{name}.{number}")
            folder.rename(fresh, name)
        except BaseException:
            os.close(fd)
            raise
        self._replace(fd)
        self._torn = False

    def _follow(self) -> int:
        """Reopen the file if it or its folder was renamed (logrotate) or removed; its size."""
        if not self._folder.is_in_place():
            folder = _open_folder(self._file)
            self._folder.close()
            self._folder = folder
        with contextlib.suppress(FileNotFoundError):
            entry = self._folder.stat(self._file.name)
            if os.path.samestat(entry, self._status):
                return entry.st_size
        fd = _open(self._folder, self._file.name)
        self._replace(fd)
        self._torn = _is_torn(fd)
        return self._status.st_size

    def _replace(self, fd: int) -> None:
        """Write to this descriptor from here on; the thread syncs and closes the old one."""
        old, self._fd = self._fd, fd
        if fd >= 0:
            self._status = os.fstat(fd)
        self._replaced.append(old)
        self._dirty.set()

    def _sync(self) -> None:
        closing = False
        while not closing:
            self._dirty.wait()
            # A write waits for a running sync; delay it past the first steps of an incident.
            closing = self._closing.wait(_SYNC_SECONDS)
            self._dirty.clear()
            # Before those it replaced: this descriptor may become one of them meanwhile.
            fd = self._fd
            trouble = "" if fd < 0 else _sync_file(fd)
            while self._replaced:
                fd = self._replaced.popleft()
                trouble = _sync_file(fd) or trouble
                os.close(fd)
            self._unsynced = trouble
        os.close(self._end_writer)


def _open_folder(file: Path) -> TrustedFolder:
    return TrustedFolder.open("the audit log", file.parent, make=True, mode=0o755, sticky=True)


def _open(folder: TrustedFolder, name: str) -> int:
    """An exclusively locked descriptor. BlockingIOError if another process has it locked."""
    fd = folder.open_file(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _sync_file(fd: int) -> str:
    """Why it cannot be synced; "" if it was."""
    try:
        os.fdatasync(fd)
    except OSError as error:
        return f"the audit log cannot be synced: {error.strerror}"
    return ""


def _is_torn(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return bool(size) and os.pread(fd, 1, size - 1) != b"\n"
