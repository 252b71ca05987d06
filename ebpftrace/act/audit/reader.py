"""Reads an audit log: for the next start of the breaker, and for `ebpftrace audit`."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ebpftrace.act.audit.log import KEPT
from ebpftrace.act.incident.records import Record
from ebpftrace.units import KIB

_LINE_LIMIT = 256 * KIB


@dataclass(slots=True)
class AuditReader:
    """Reads the log and its older files; `torn` counts lines that are no JSON object."""

    file: Path
    kept: int = KEPT
    torn: int = 0

    def records(self) -> Iterator[Record]:
        """Oldest first; none if there is no log. OSError if it cannot be read."""
        names = [self.file.with_name(f"{self.file.name}.{n}") for n in range(self.kept, 0, -1)]
        for file in (*names, self.file):
            with contextlib.suppress(FileNotFoundError):
                # O_NONBLOCK: opening a FIFO without a writer would block forever.
                fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                with os.fdopen(fd, "rb") as opened:
                    yield from self._of_file(opened)

    def _of_file(self, opened: BinaryIO) -> Iterator[Record]:
        while line := opened.readline(_LINE_LIMIT):
            if not line.strip():
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
