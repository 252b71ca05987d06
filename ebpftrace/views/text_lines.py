"""Notes and snapshots as lines of text.

The first word of a line is the `type` of the corresponding JSON object, so that
`grep ^oom_kill` works. A line fits `width` columns: names are cut first.
"""

import sys

from ebpftrace.ledger import JobSnapshot, Note, Snapshot
from ebpftrace.text import COLUMNS, wrap
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.notes import note_format
from ebpftrace.views.start import Started

WIDTH = COLUMNS

_SHORT_JOB_CELLS = 8


def line(kind: str, text: str, width: int = WIDTH) -> str:
    """One line: the kind, padded, then the text, cut to `width` columns."""
    return cut(f"{kind:<8} {text}", width)


def wrapped_lines(kind: str, text: str, width: int = WIDTH) -> list[str]:
    """The same with the whole text, in as many lines as it needs."""
    whole = line(kind, text, sys.maxsize)
    if cells(whole) <= width:
        return [whole]
    return wrap(text, width, first=line(kind, "", width), following=line("", "", width))


def start_lines(started: Started, width: int = WIDTH) -> list[str]:
    """What is watched and, where there is room, how; then every remark, wrapped."""
    text = f"{formatting.clock(started.time_ns)} watching {started.watching}"
    for part in (
        f"every {format_duration(started.interval_ns)}",
        f"cgroups {started.cgroups}",
        f"kernel {started.kernel}",
    ):
        if cells(line("start", f"{text}, {part}", sys.maxsize)) <= width:
            text += f", {part}"
    lines = [line("start", text, width)]
    for remark in started.remarks:
        lines += wrapped_lines("remark", remark, width)
    return lines


def note_line(note: Note, width: int = WIDTH) -> str:
    """What happened, when, to which process, in which job."""
    form = note_format(note)
    return line(form.kind, f"{formatting.clock(note.time_ns)} {form.text(note)}", width)


def snapshot_line(snapshot: Snapshot, width: int = WIDTH) -> str:
    """A snapshot in one line: the totals, then the largest job, its growth and time left.

    The line is longer than `width` where the figures and eight columns of the name need
    more than that.
    """
    when = formatting.clock(snapshot.time_ns)
    lost = sum(snapshot.losses.values())
    tail = f"; {lost:,} missed" if lost else ""
    head = f"{'snapshot':<8} {when}"
    if not snapshot.running_count:
        frame = cells(f"{head} {formatting.waiting('')}{tail}")
        return f"{head} {formatting.waiting(cut(snapshot.watching, width - frame))}{tail}"
    totals = (
        f"{head} {format_bytes(snapshot.usage.resident_bytes)}, "
        f"{formatting.count(snapshot.running_count, 'job')}"
    )
    processes = f", {formatting.count(snapshot.process_count, 'proc')}"
    top = max(snapshot.jobs, key=lambda job: job.usage.resident_bytes)
    name = top.identity.name
    share = "" if top.limit_share is None else f" {top.limit_share:.0%}"
    size, growth = f" {format_bytes(top.usage.resident_bytes)}", _growth(top) + tail
    least = min(cells(name), _SHORT_JOB_CELLS)
    # The share is left out first, then the number of processes.
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
    rate = f" {formatting.rate(growth)}" if growth else ""
    if job.seconds_to_limit is None:
        return rate
    return f"{rate}, full in {formatting.wait(job.seconds_to_limit)}"
