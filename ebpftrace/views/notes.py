"""How each type of note is shown: its JSON fields, its text, and how strongly.

One row of FORMATS each; the other modules of views/ look a note up here.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from ebpftrace.act.incident.records import Record, identity_fields, key_fields, rfc3339
from ebpftrace.ledger.notes import (
    LossNote,
    Note,
    OomNote,
    PressureNote,
    ProcessChange,
    ProcessNote,
    StallNote,
)
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cut
from ebpftrace.views.fields import counter_fields, usage_fields

Emphasis = Literal["faint", "plain", "good", "warning", "alarm", "frozen"]

_JOB_CELLS = 24  # for the name of a job in a line that has more to say


class NoteFormat(NamedTuple):
    """The format of one type of note.

    `kind` is the JSON object's `type` and the first word of a line, `fields` are what the
    object has besides its head, `text` is what a line has after the time of day.
    """

    kind: str
    fields: Callable[[Any], Record]
    text: Callable[[Any], str]
    emphasis: Emphasis = "plain"


def note_format(note: Note) -> NoteFormat:
    """The format of this note's type."""
    return FORMATS[type(note)]


def _process_fields(note: ProcessNote) -> Record:
    return (
        {"event": note.event, "job": identity_fields(note.job)}
        | key_fields(note.key)
        | {
            "start_time": rfc3339(note.start_time_ns),
            "parent_pid": note.parent_pid,
            "comm": note.comm,
            "role": note.role,
            "cmdline": note.cmdline,
            "exit_code": note.exit_code,
            "signal": note.signal,
            "replaced_by_exec": note.executed,
        }
        | counter_fields(note.counters)
    )


def _process_text(note: ProcessNote) -> str:
    process = formatting.process_name(note.comm, note.role, note.key.pid)
    return f"{note.event} {process} in {_job(note.job.name)}: {_process_detail(note)}"


def _process_detail(note: ProcessNote) -> str:
    if note.event is not ProcessChange.EXIT:
        return note.cmdline
    peak = f"peak {format_bytes(note.counters.peak_bytes)}"
    if note.executed:
        return f"{peak}, replaced by exec"
    if note.signal:
        return f"{peak}, killed by {formatting.signal_name(note.signal)}"
    return f"{peak}, exit code {note.exit_code}"


def _oom_fields(note: OomNote) -> Record:
    return (
        {"job": identity_fields(note.job)}
        | key_fields(note.key)
        | {
            "comm": note.comm,
            "tracked": note.tracked,
            "usage": usage_fields(note.usage),
            "limit_bytes": note.limit_bytes,
            "kernel_bytes": note.kernel_bytes,
            "limit_cgroup": note.limit_cgroup,
            "other_jobs": note.other_jobs,
        }
    )


def _oom_text(note: OomNote) -> str:
    limit = "" if note.limit_bytes is None else f", limit {format_bytes(note.limit_bytes)}"
    if note.limit_cgroup:
        limit += f" of {note.limit_cgroup}"
    resident, kernel = note.usage.resident_bytes, note.kernel_bytes or 0
    held = f"it held {format_bytes(resident)}"
    if kernel > resident:
        held += f", the kernel {format_bytes(kernel)}"
    return f"{note.comm} {note.key.pid} in {_job(note.job.name)}: {held}{limit}"


def _stall_fields(note: StallNote) -> Record:
    return {
        "job": identity_fields(note.job),
        "stalled_ns": note.stalled_ns,
        "stalls": note.stalls,
    }


def _stall_text(note: StallNote) -> str:
    times = formatting.count(note.stalls, "time")
    return (
        f"{_job(note.job.name)}: waited {format_duration(note.stalled_ns)} for memory, {times}"
    )


def _pressure_fields(note: PressureNote) -> Record:
    return {
        "job": identity_fields(note.job),
        "some_ns": note.some_ns,
        "full_ns": note.full_ns,
        "period_ns": note.within_ns,
    }


def _pressure_text(note: PressureNote) -> str:
    some, full, within = map(format_duration, (note.some_ns, note.full_ns, note.within_ns))
    return f"{_job(note.job.name)}: waited {some} of {within} for memory, all tasks {full}"


def _loss_fields(note: LossNote) -> Record:
    return {"cause": note.cause, "count": note.count, "total": note.total}


def _loss_text(note: LossNote) -> str:
    cause = formatting.cause_words(note.cause)
    return f"{note.count:,} missed: {cause} ({note.total:,} so far)"


def _job(name: str) -> str:
    return cut(name, _JOB_CELLS)


FORMATS: dict[type[Note], NoteFormat] = {
    ProcessNote: NoteFormat("process", _process_fields, _process_text, "faint"),
    OomNote: NoteFormat("oom_kill", _oom_fields, _oom_text, "alarm"),
    StallNote: NoteFormat("stall", _stall_fields, _stall_text),
    PressureNote: NoteFormat("pressure", _pressure_fields, _pressure_text),
    LossNote: NoteFormat("loss", _loss_fields, _loss_text, "warning"),
}
