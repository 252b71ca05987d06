"""Reads an audit log: for the next start of the breaker, and for `ebpftrace audit`."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ebpftrace.act.audit.log import KEPT
from ebpftrace.act.incident.records import Record
from ebpftrace.trusted import TrustedFolder
from ebpftrace.units import KIB

_LINE_LIMIT = 256 * KIB


@dataclass(slots=True)
class AuditReader:
    """Reads the log and its older files; `torn` counts lines that are no JSON object.

    With `obeyed` what it says is acted on, so no other user may be able to change it. Lines
    without the bytes `containing` are skipped, and not parsed.
    """

    file: Path
    kept: int = KEPT
    torn: int = 0
    obeyed: bool = False
    containing: bytes = b""

    def records(self) -> Iterator[Record]:
        """Oldest first; none if there is no log. OSError if it cannot be read.

        UntrustedError if it is obeyed and another user could have written one of its files.
        """
        names = [self.file.with_name(f"{self.file.name}.{n}") for n in range(self.kept, 0, -1)]
        for file in (*names, self.file):
            try:
                fd = self._open(file)
            except FileNotFoundError:
                continue
            with os.fdopen(fd, "rb") as opened:
                yield from self._of_file(opened)

    def _open(self, file: Path) -> int:
        if not self.obeyed:
            # O_NONBLOCK: opening a FIFO without a writer would block forever.
            return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with TrustedFolder.open("the audit log", file.parent, sticky=True) as folder:
            return folder.open_file(file.name, os.O_RDONLY)

    def _of_file(self, opened: BinaryIO) -> Iterator[Record]:
        while line := opened.readline(_LINE_LIMIT):
            if self.containing not in line or not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                self.torn += 1
                continue
            if isinstance(record, dict):
                yield record
            else:
                self.torn += 1
