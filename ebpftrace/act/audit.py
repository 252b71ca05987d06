"""The audit log: every decision and step, one JSON object a line, only ever appended.

A line is written whole before the step it tells of goes on, so that a crash of ebpftrace
loses none; a thread syncs it to the disk, so that a slow disk does not hold up a step.
A line torn by a power cut is passed over when it is read, and closed off before the next.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebpftrace.errors import EbpftraceError, LogTakenError
from ebpftrace.text import clean
from ebpftrace.units import KIB, MIB

DEFAULT_FILE = Path("/var/log/ebpftrace/audit.jsonl")
SIZE_BYTES = 8 * MIB
KEPT = 3  # older files: audit.jsonl.1 is the youngest of them
_LINE_LIMIT = 256 * KIB
_SYNC_SECONDS = 0.1

Record = dict[str, Any]


class AuditLog:
    """Append with `write`; `close` waits until all is on the disk.

    EbpftraceError if the file cannot be opened, LogTakenError if another ebpftrace writes
    to it: two of them would act on the same jobs. Later failures (a full disk) are in
    `trouble`: a breaker that stopped acting because its log is full would let the fire burn.
    """

    def __init__(
        self, file: Path = DEFAULT_FILE, *, size_bytes: int = SIZE_BYTES, kept: int = KEPT
    ) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._kept = kept
        self.trouble = ""
        try:
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._fd = self._open()
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

    def write(self, record: Record) -> None:
        """Append one line. Never raises: see `trouble`."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            if os.fstat(self._fd).st_size + len(line) > self._size_bytes:
                self._rotate()
            written = os.write(self._fd, line)
            if written < len(line):
                raise OSError(None, "the disk is full")
        except OSError as error:
            self.trouble = f"the audit log cannot be written: {error.strerror or error}"
            return
        self._dirty.set()

    def close(self) -> None:
        self._closing.set()
        self._dirty.set()
        self._syncer.join(5)
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._file, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                os.write(fd, b"\n")  # the torn line is closed off
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _rotate(self) -> None:
        for number in range(self._kept, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1) if number > 1 else self._file
            with contextlib.suppress(FileNotFoundError):
                newer.rename(older)
        with self._lock:
            fd = self._open()
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = fd

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
                    self.trouble = f"the audit log cannot be synced: {error.strerror}"


@dataclass(slots=True)
class Reading:
    """The lines of an audit log, oldest first, and how many were torn or no JSON object."""

    file: Path
    kept: int = KEPT
    torn: int = 0

    def records(self) -> Iterator[Record]:
        """Nothing where there is no log; OSError where it cannot be read."""
        names = [self.file.with_name(f"{self.file.name}.{n}") for n in range(self.kept, 0, -1)]
        for file in (*names, self.file):
            with contextlib.suppress(FileNotFoundError), file.open("rb") as opened:
                yield from self._of_file(opened)

    def _of_file(self, opened: Any) -> Iterator[Record]:
        while line := opened.readline(_LINE_LIMIT):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError:
                self.torn += 1
                continue
            if isinstance(record, dict):
                yield record
            else:
                self.torn += 1
