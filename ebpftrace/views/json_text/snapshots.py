"""Snapshots as JSON. The text of what has not changed is kept: only ages differ in it."""

from collections.abc import Iterator
from typing import NamedTuple

from ebpftrace.act.incident.records import Record
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.ledger.clock import Aging
from ebpftrace.views.changes import Listed, SnapshotChanges
from ebpftrace.views.fields import listed_processes, own_job_fields, process_fields
from ebpftrace.views.json_text.encode import json_text
from ebpftrace.views.records import changes_record, snapshot_record

_AGE = '"age_ns":'
"""Nothing else begins so: in a string, a quotation mark has a backslash before it."""

_JOBS = '"jobs":[]'

_PART_BYTES = 1 << 16
"""About as much as a pipe takes at a time. The whole line may have ten megabytes."""

_JOB_BYTES, _PROCESS_BYTES = 1200, 800  # of their text, about


class _Text(NamedTuple):
    """A job without its processes, or a process."""

    of: Aging
    before: str  # what comes before its age
    after: str


class _JobText(NamedTuple):
    job: JobSnapshot
    own: _Text
    processes: tuple[_Text, ...]

    def add_to(self, pieces: list[str], now_ns: int) -> None:
        """Append the pieces of its text at that time."""
        own, separator = self.own, ""
        pieces += own.before, str(own.of.age_at(now_ns)), own.after
        for process in self.processes:
            pieces += separator, process.before, str(process.of.age_at(now_ns)), process.after
            separator = ","
        pieces.append("]}")


class SnapshotText:
    """Writes `snapshot_record`, or with `changes` what `SnapshotChanges` lists, as a line.

    The text of a job is kept until the next snapshot. With `changes` only the text of jobs
    that changed is kept, so that what it takes follows from them.
    """

    def __init__(self, *, changes: bool = False) -> None:
        self._changes = SnapshotChanges() if changes else None
        self._kept: dict[str, _JobText] = {}  # by the job's key

    def line(self, snapshot: Snapshot) -> str:
        """The line of the next snapshot."""
        return "".join(self.parts(snapshot))

    def parts(self, snapshot: Snapshot) -> Iterator[str]:
        """The same in parts, each made when it is asked for; take all before the next call."""
        changes = self._changes
        listed = Listed(snapshot.jobs) if changes is None else changes.listed(snapshot)
        if listed.since is None:
            record = snapshot_record(snapshot._replace(jobs=()))
        else:
            record = changes_record(snapshot, listed.since, (), listed.gone)
        before, _, after = json_text(record).partition(_JOBS)
        keep = changes is None or listed.since is not None
        return self._parts(
            listed, snapshot.monotonic_ns, f'{before}"jobs":[', f"]{after}\n", keep=keep
        )

    def _parts(
        self, listed: Listed, now_ns: int, before: str, after: str, *, keep: bool
    ) -> Iterator[str]:
        kept: dict[str, _JobText] = {}
        pieces, size, separator = [before], 0, ""
        for job in listed.jobs:
            key = job.identity.key
            text = self._kept.get(key)
            if text is None or text.job is not job:
                text = _job_text(job, () if text is None else text.processes)
            if keep:
                kept[key] = text
            pieces.append(separator)
            text.add_to(pieces, now_ns)
            separator = ","
            size += _JOB_BYTES + _PROCESS_BYTES * len(text.processes)
            if size >= _PART_BYTES:
                yield "".join(pieces)
                pieces, size = [], 0
        self._kept = kept
        yield "".join((*pieces, after))


def _job_text(job: JobSnapshot, known: tuple[_Text, ...]) -> _JobText:
    """`known` are the texts of its processes before."""
    by_id = {id(text.of): text for text in known}
    processes = tuple(
        by_id.get(id(process)) or _process_text(process) for process in listed_processes(job)
    )
    own = _text(job, own_job_fields(job, job.drawn_ns or 0) | {"processes": []})
    return _JobText(job, own._replace(after=own.after.removesuffix("]}")), processes)


def _process_text(process: ProcessSnapshot) -> _Text:
    return _text(process, process_fields(process, process.drawn_ns or 0))


def _text(of: Aging, record: Record) -> _Text:
    before, key, after = json_text(record).partition(_AGE)
    return _Text(of, before + key, after.lstrip("-0123456789"))
