"""The parts of one incident's evidence: all are read first, and written to the disk later.

A hook waits for what is read, and would wait as long again for some thirty new files. What was
read is held in memory up to a bound; a job whose files are larger has them written at once.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from ebpftrace.act.actions.support.evidence import Part
from ebpftrace.act.actions.support.evidence_folder import write_file
from ebpftrace.act.actions.support.first_turn import FirstTurn
from ebpftrace.text import clean
from ebpftrace.units import KIB, MIB

MANIFEST = "manifest.json"
_MANIFEST_SIZE = 32 * KIB  # more than it takes with an error for each part
_MOST_HELD = MIB
_ENCODER = json.JSONEncoder()  # of C: with an indent it would be the slow one, of Python

Entry = dict[str, Any]
"""What the manifest says about one part."""


class Saving:
    """`read`, then `write`, which makes `folder` and renames it once it is complete.

    `hidden` is its name until then. `size_bytes` is how much of all parts is saved.
    """

    def __init__(self, folder: Path, hidden: Path, size_bytes: int) -> None:
        self.entries: list[Entry] = []
        self._folder = folder
        self._hidden = hidden
        self._left_bytes = size_bytes
        self._parts: list[tuple[Part, Entry]] = []  # in order: those to write, or yet to read
        self._held: dict[str, bytes] = {}
        self._held_bytes = 0
        self._manifest: BinaryIO | None = None  # open once the folder is made

    def read(self, parts: Iterable[Part], cancelled: Event) -> None:
        """Read all parts but the later ones, until `cancelled` is set."""
        for part in parts:
            if cancelled.is_set():
                break
            entry: Entry = {"name": part.name, "bytes": 0, "cut": False, "error": None}
            self.entries.append(entry)
            self._parts.append((part, entry))
            if not part.later:
                self._read(part, entry)
            if self._held_bytes > _MOST_HELD:
                self._make()
                for held, its_entry in self._parts:
                    self._write(held.name, its_entry)

    def write(self, turn: FirstTurn, about: Mapping[str, Any]) -> None:
        """Read the later parts and write all; the manifest starts with what is known `about`
        the incident.

        OSError if there is no room for the manifest, or the folder cannot be made.
        """
        self._make()
        assert self._manifest is not None
        for part, entry in turn.during(self._parts):
            if part.later:
                self._read(part, entry)
            self._write(part.name, entry)
        text = _ENCODER.encode({**about, "parts": self.entries}).encode() + b"\n"
        self._manifest.write(text)
        self._manifest.truncate()
        self._manifest.close()
        self._hidden.rename(self._folder)

    def abandon(self) -> None:
        """Remove what was written."""
        if self._manifest is not None:
            self._manifest.close()
            shutil.rmtree(self._hidden, ignore_errors=True)

    def _make(self) -> None:
        if self._manifest is None:
            self._hidden.mkdir(mode=0o700)
            try:
                self._manifest = (self._hidden / MANIFEST).open("xb")
                # Its space is allocated first: on a full disk parts fail, not the manifest.
                os.posix_fallocate(self._manifest.fileno(), 0, _MANIFEST_SIZE)
            except BaseException:
                shutil.rmtree(self._hidden, ignore_errors=True)
                raise

    def _read(self, part: Part, entry: Entry) -> None:
        began = time.monotonic_ns()
        try:
            limit = min(self._left_bytes, part.limit_bytes)
            raw = part.read(limit + 1)
            entry["cut"] = len(raw) > limit
            raw = raw[:limit]
            self._left_bytes -= len(raw)
            self._held[part.name] = raw
            self._held_bytes += len(raw)
        except Exception as error:
            _fail(entry, error)
        entry["took_ns"] = time.monotonic_ns() - began

    def _write(self, name: str, entry: Entry) -> None:
        raw = self._held.pop(name, None)
        if raw is None:
            return  # written already, or it could not be read
        self._held_bytes -= len(raw)
        try:
            write_file(f"{self._hidden}/{name}", raw)
            entry["bytes"] = len(raw)
        except Exception as error:
            self._left_bytes += len(raw)
            _fail(entry, error)
            (self._hidden / name).unlink(missing_ok=True)


def _fail(entry: Entry, error: Exception) -> None:
    """Whatever the error: a part that fails must not cost the others."""
    entry["error"] = clean(f"{type(error).__name__}: {error}")
