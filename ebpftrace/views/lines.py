"""A watch as lines of text: what happened, and the books in a nutshell.

The first word of a line is the `type` of the JSON object that says the same, so that
`grep ^oom_kill` finds what it should. A line fits `width` columns: names are cut first.
"""

import sys
import textwrap

from ebpftrace.ledger import (
    JobSnapshot,
    LossNote,
    Note,
    OomNote,
    PressureNote,
    ProcessNote,
    Snapshot,
)
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import phrases
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.start import Started

WIDTH = 80

_JOB_CELLS = 24  # what a job's name may take of a line that says more than that
_SHORT_JOB_CELLS = 8


def line(kind: str, text: str, width: int = WIDTH) -> str:
    """One line: its kind, aligned, and the text, cut to fit."""
    return cut(f"{kind:<8} {text}", width)


def start_lines(started: Started, width: int = WIDTH) -> list[str]:
    """What is watched and, as far as it fits, how; then every remark, wrapped."""
    told = f"{phrases.clock(started.time_ns)} watching {started.watching}"
    for part in (
        f"every {format_duration(started.interval_ns)}",
        f"cgroups {started.cgroups}",
        f"kernel {started.kernel}",
    ):
        if cells(line("start", f"{told}, {part}", sys.maxsize)) <= width:
            told += f", {part}"
    lines = [line("start", told, width)]
    for remark in started.remarks:
        lines += textwrap.wrap(
            remark,
            width,
            initial_indent=line("remark", "", width),
            subsequent_indent=line("", "", width),
            break_on_hyphens=False,
        )
    return lines


def note_line(note: Note, width: int = WIDTH) -> str:
    """What happened, when, to whom, in which job."""
    when = phrases.clock(note.time_ns)
    if isinstance(note, LossNote):
        told = f"{note.count:,} missed: {phrases.cause_words(note.cause)}"
        return line("loss", f"{when} {told} ({note.total:,} so far)", width)
    job = cut(note.job.name, _JOB_CELLS)
    if isinstance(note, ProcessNote):
        who = phrases.process_name(note.comm, note.role, note.key.pid)
        return line("process", f"{when} {note.event} {who} in {job}: {_outcome(note)}", width)
    if isinstance(note, OomNote):
        limit = "" if note.limit_bytes is None else f", limit {format_bytes(note.limit_bytes)}"
        who = f"{note.comm} {note.key.pid} in {job}"
        held = f"it held {format_bytes(note.usage.resident_bytes)}"
        return line("oom_kill", f"{when} {who}: {held}{limit}", width)
    if isinstance(note, PressureNote):
        some, full, within = map(format_duration, (note.some_ns, note.full_ns, note.within_ns))
        told = f"lost {some} of {within} for memory, all of it {full}"
        return line("pressure", f"{when} {job}: {told}", width)
    waited = f"waited {format_duration(note.stalled_ns)} for memory"
    times = phrases.count(note.stalls, "time")
    return line("stall", f"{when} {job}: {waited}, {times}", width)


def snapshot_line(snapshot: Snapshot, width: int = WIDTH) -> str:
    """The books in one line: what runs in all, then the largest job, its growth and time left.

    It is longer than `width` where a name of eight columns and those figures need more.
    """
    when = phrases.clock(snapshot.time_ns)
    lost = sum(snapshot.losses.values())
    tail = f"; {lost:,} missed" if lost else ""
    head = f"{'snapshot':<8} {when}"
    if not snapshot.running_count:
        frame = cells(f"{head} {phrases.waiting('')}{tail}")
        return f"{head} {phrases.waiting(cut(snapshot.watching, width - frame))}{tail}"
    totals = (
        f"{head} {format_bytes(snapshot.usage.resident_bytes)}, "
        f"{phrases.count(snapshot.running_count, 'job')}"
    )
    processes = f", {phrases.count(snapshot.process_count, 'proc')}"
    top = max(snapshot.jobs, key=lambda job: job.usage.resident_bytes)
    name = top.identity.name
    share = "" if top.limit_share is None else f" {top.limit_share:.0%}"
    size, growth = f" {format_bytes(top.usage.resident_bytes)}", _growth(top) + tail
    least = min(cells(name), _SHORT_JOB_CELLS)
    # The share and the processes give way, in this order; then the line grows too long.
    for before, after in (
        (totals + processes, size + share + growth),
        (totals + processes, size + growth),
        (totals, size + growth),
    ):
        room = width - cells(before) - cells("; ") - cells(after)
        if room >= least:
            break
    return f"{before}; {cut(name, max(room, least))}{after}"


def _growth(job: JobSnapshot) -> str:
    growth = job.growth.bytes_per_second
    rate = f" {phrases.rate(growth)}" if growth else ""
    if job.seconds_to_limit is None:
        return rate
    return f"{rate}, full in {phrases.wait(job.seconds_to_limit)}"


def _outcome(note: ProcessNote) -> str:
    if note.event != "exit":
        return note.cmdline
    peak = f"peak {format_bytes(note.counters.peak_bytes)}"
    if note.executed:
        return f"{peak}, now another program"
    if note.signal:
        return f"{peak}, killed by {phrases.signal_name(note.signal)}"
    return f"{peak}, exit code {note.exit_code}"
