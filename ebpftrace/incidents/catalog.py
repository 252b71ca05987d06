"""All incidents that are known here: those in the audit log and those with saved evidence.

Each search is a generator: it yields where others may have their turn, and returns the result.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, TypeVar

from ebpftrace.act.incident.records import Record
from ebpftrace.errors import UntrustedError
from ebpftrace.incidents.evidence import Evidence, logged_folder, open_evidence, saved_ids
from ebpftrace.incidents.known import summary_of
from ebpftrace.incidents.logged import Lines, lines_by_incident

_Found = TypeVar("_Found")


class KnownIncident(NamedTuple):
    """An incident with its lines of the log and its open evidence, which is to be closed."""

    id: str
    lines: Lines
    evidence: Evidence | None


class Catalog:
    """`audit` is the audit log; `folders` returns where evidence may be, besides the folder
    that the log names."""

    def __init__(self, audit: Path, folders: Callable[[], Iterable[Path]]) -> None:
        self._audit, self._folders = audit, folders

    def newest(self, most: int) -> Generator[None, None, list[Record]]:
        """The summaries of the newest incidents, the newest first.

        UntrustedError if another user could change what is read; EbpftraceError,
        NotPermittedError, OSError if it cannot be read.
        """
        lines = yield from lines_by_incident(self._audit, most)
        saved = saved_ids(self._folders())
        summaries = []
        for incident in sorted(lines.keys() | saved.keys(), reverse=True)[:most]:
            summary = self._summary(incident, lines.get(incident, []))
            if summary is not None:
                summaries.append(summary)
            yield
        return summaries

    def one(self, incident: str) -> Generator[None, None, KnownIncident | None]:
        """That incident; None if nothing is known of it. Errors as `newest`."""
        lines = yield from lines_by_incident(self._audit, 1, only=incident)
        own = lines.get(incident, [])
        evidence = self._evidence(incident, own)
        return KnownIncident(incident, own, evidence) if own or evidence else None

    def _summary(self, incident: str, lines: Lines) -> Record | None:
        """Evidence that cannot be read must not hide the others: `one` says why."""
        try:
            with self._evidence(incident, lines) or nullcontext() as evidence:
                return summary_of(incident, lines, evidence)
        except (UntrustedError, OSError):
            return summary_of(incident, lines, None) if lines else None

    def _evidence(self, incident: str, lines: Lines) -> Evidence | None:
        named = logged_folder(lines, incident)
        return open_evidence(incident, [*([named] if named else []), *self._folders()])


def at_once(search: Generator[None, None, _Found]) -> _Found:
    """The result of a search, without turns for others."""
    while True:
        try:
            next(search)
        except StopIteration as done:
            found: _Found = done.value
            return found
