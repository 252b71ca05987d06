"""The tables of `ebpftrace history`, in 80 columns."""

import io
import os
import time
from collections.abc import Sequence
from typing import TextIO

from rich.text import Text

from ebpftrace.cli.tables.table import new_table, print_table
from ebpftrace.history.past import past_from
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import CurvePoint, Run, RunEnd
from ebpftrace.history.store import JobEntry
from ebpftrace.text import wrap
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration
from ebpftrace.views.dashboard.render.theme import Signs, signs_of

_SHORT, _LONG = 12, 16  # columns of a sparkline
_STYLES = {RunEnd.OK: "green", RunEnd.UNKNOWN: "dim"}
_ENDS = {RunEnd.ENDED_BY_EBPFTRACE: "by ebpftrace", RunEnd.OOM_KILLED: "oom-killed"}


def print_jobs(entries: Sequence[JobEntry], out: TextIO) -> None:
    """A row for each job, with its newest run."""
    if not entries:
        out.write("no run was recorded yet\n")
        return
    signs = _signs(out)
    table = new_table("JOB", "RUNS", "LAST (UTC)", "PEAK", "ENDED", "HELD", stretched="JOB")
    for entry in entries:
        run = entry.newest
        table.add_row(
            Text(entry.job.name),
            str(entry.runs),
            _date(run.start_time_ns, "%m-%d %H:%M"),
            format_bytes(run.peak_bytes),
            _end(run),
            sparkline(run.curve, _SHORT, signs),
        )
    print_table(table, out)


def print_runs(job: RecurringJob, runs: Sequence[Run], out: TextIO) -> None:
    """What is known of a job, and a row for each of its runs, the newest first."""
    signs = _signs(out)
    _write(f"{job.name} ({job.kind} in {job.place})", out)
    table = new_table("STARTED (UTC)", "TOOK", "PEAK", "LIMIT", "ENDED", "HELD", stretched="")
    for run in runs:
        table.add_row(
            _date(run.start_time_ns, "%Y-%m-%d %H:%M"),
            format_duration(run.duration_ns),
            format_bytes(run.peak_bytes),
            format_bytes(run.limit_bytes) if run.limit_bytes else "none",
            _end(run),
            sparkline(run.curve, _LONG, signs),
        )
    print_table(table, out)
    _write(_summary(runs), out)


def sparkline(curve: Sequence[CurvePoint], width: int, signs: Signs) -> str:
    """The highest value of each slice of the run, from zero to its peak."""
    if not curve:
        return ""
    span = max(curve[-1].age_s, 0.001)
    slices = [0] * width
    for point in curve:
        at = min(int(point.age_s / span * width), width - 1)
        slices[at] = max(slices[at], point.held_bytes)
    for at in range(1, width):
        slices[at] = slices[at] or slices[at - 1]  # no point fell into it
    top, steps = max(*slices, 1), len(signs.levels) - 1
    return "".join(signs.levels[-(-value * steps // top)] for value in slices)


def _summary(runs: Sequence[Run]) -> str:
    """What the next run is compared with, if its conditions are those of the newest."""
    if not runs:
        return "no run"
    newest = runs[0]
    past = past_from(runs, newest.limit_bytes, newest.measured)
    if past is None:
        return "no run ended well under the newest one's conditions: there is no past yet"
    number = "1 run" if past.runs == 1 else f"{past.runs} runs"
    margin = format_bytes(past.margin_bytes(newest.limit_bytes))
    changed = "" if past.steady else "; the newest differs from those before it"
    return (
        f"past: {number} that ended well, at most {format_bytes(past.peak_bytes)}; "
        f"{margin} more is still usual{changed}"
    )


def _end(run: Run) -> Text:
    return Text(_ENDS.get(run.end, run.end.value), _STYLES.get(run.end, "red"))


def _date(unix_ns: int, shape: str) -> str:
    try:
        return time.strftime(shape, time.gmtime(unix_ns // NS_PER_SECOND))
    except (ValueError, OverflowError):
        return "?"  # the file was edited


def _signs(out: TextIO) -> Signs:
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")
    return signs_of(out.encoding, os.environ.get("TERM", ""))


def _write(text: str, out: TextIO) -> None:
    out.write("\n".join(wrap(text, following="  ")) + "\n")
