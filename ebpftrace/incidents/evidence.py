"""The folder of evidence of one incident, opened so that no other user can steer it."""

import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ebpftrace.act.actions.support.saving import MANIFEST
from ebpftrace.act.incident.records import Record
from ebpftrace.incidents.ids import is_id
from ebpftrace.incidents.logged import object_of
from ebpftrace.trusted import TrustedFolder
from ebpftrace.units import KIB

_WHAT = "the evidence in"
_MANIFEST_READ = 256 * KIB
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_MOST_FILES = 256


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A regular file of the evidence, with the size that it had when it was looked at."""

    name: str
    size_bytes: int
    mtime_s: int


class Evidence:
    """Everything is reached by the descriptor of the folder. Close it."""

    def __init__(self, folder: TrustedFolder) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        """Where it is; for people, not to open it."""
        return self._folder.path

    def files(self) -> list[SavedFile]:
        """Its files in the order of their names; what is no plain file has none. OSError."""
        found = []
        for name in self._folder.names()[:_MOST_FILES]:
            try:
                status = self._folder.stat(name)
            except FileNotFoundError:
                continue  # removed meanwhile, for newer evidence
            if stat.S_ISREG(status.st_mode) and _NAME.fullmatch(name):
                found.append(SavedFile(name, status.st_size, int(status.st_mtime)))
        return found

    def manifest(self) -> Record:
        """What capture wrote about it; empty without it, or if it is damaged.

        UntrustedError, OSError.
        """
        try:
            fd = self.open(MANIFEST)
        except FileNotFoundError:
            return {}
        with os.fdopen(fd, "rb") as file:
            try:
                return object_of(json.loads(file.read(_MANIFEST_READ)))
            except (ValueError, RecursionError):
                return {}

    def open(self, name: str) -> int:
        """The descriptor of a file, to be read. UntrustedError, OSError."""
        return self._folder.open_file(name, os.O_RDONLY)

    def close(self) -> None:
        self._folder.close()

    def __enter__(self) -> "Evidence":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def saved_ids(folders: Iterable[Path]) -> dict[str, Path]:
    """The incidents that have evidence in these folders, and in which.

    A folder that is not there has none. UntrustedError if another user could replace it;
    OSError.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            with TrustedFolder.open(_WHAT, folder, sticky=True) as opened:
                for name in filter(is_id, opened.names()):
                    found.setdefault(name, folder)
        except FileNotFoundError:
            continue
    return found


def open_evidence(incident: str, folders: Iterable[Path]) -> Evidence | None:
    """That of an incident in the first of these folders that has it; None if none has.

    UntrustedError if it is a symbolic link or another user could change it; OSError.
    """
    if not is_id(incident):
        return None
    for folder in folders:
        try:
            with TrustedFolder.open(_WHAT, folder, sticky=True) as parent:
                return Evidence(parent.folder(incident))
        except FileNotFoundError:
            continue
    return None


def logged_folder(lines: Iterable[Record], incident: str) -> Path | None:
    """The folder in which the log says that the evidence is; None if it says nothing."""
    for line in lines:
        value = line.get("evidence")
        if isinstance(value, str) and value.startswith("/") and "\0" not in value:
            path = Path(value)
            if path.name == incident:
                return path.parent
    return None
