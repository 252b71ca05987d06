"""The summary that ends a watch, in a few lines."""

from collections.abc import Sequence

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.findings import finding_summary_lines
from ebpftrace.views.text_lines import WIDTH, line

_MAX_JOBS = 10
_FIGURE_CELLS = 63  # of a job's line besides its name
_NAME_CELLS = 17  # the least for a name


def summary_lines(
    snapshot: Snapshot,
    reason: str,
    width: int = WIDTH,
    found: Sequence[Finding] = (),
    fuses: str = "",
) -> list[str]:
    """Each job's peak, its largest process, growth and oom kills; findings, fuses and losses.

    `snapshot` is the last one, with every job ever seen; `found` are the findings to list,
    `fuses` is the line about fuses, if any. Jobs with oom kills come first, then the
    largest peaks; beyond ten jobs, the rest is counted.
    """
    jobs = sorted(
        snapshot.jobs, key=lambda job: (job.oom_kills > 0, job.peak_bytes), reverse=True
    )
    shown, rest = jobs[:_MAX_JOBS], jobs[_MAX_JOBS:]
    started = sum(job.started for job in jobs)
    ended = f"{formatting.clock(snapshot.time_ns)} {reason}, after "
    ended += format_duration(snapshot.elapsed_ns)
    if jobs:
        ended += f": {formatting.count(len(jobs), 'job')}, "
        ended += formatting.count(started, "process", "processes")
    lines = [line("end", ended, width)]
    if not jobs:
        lines.append(line("job", f"none: no process with {snapshot.watching} was seen", width))
    room = max(_NAME_CELLS, width - _FIGURE_CELLS)
    names = min(room, max((cells(job.identity.name) for job in shown), default=0))
    lines += [
        line("job", _job(job, names, width - cells(line("job", ""))), width) for job in shown
    ]
    if rest:
        most = format_bytes(max(job.peak_bytes for job in rest))
        kills = sum(job.oom_kills for job in rest)
        killed = f", {formatting.count(kills, 'oom kill')} among them" if kills else ""
        more = f"… and {formatting.count(len(rest), 'more job', 'more jobs')}"
        lines.append(line("job", f"{more}, none above {most}{killed}", width))
    if snapshot.forgotten_jobs:
        forgotten = formatting.count(snapshot.forgotten_jobs, "job")
        lines.append(line("job", f"{forgotten} that ended earlier: forgotten", width))
    lines += finding_summary_lines(found, width)
    if fuses:
        lines.append(line("fuse", fuses, width))
    missed = formatting.missed(snapshot.losses)
    lines.append(line("loss", missed or "none: every event was counted", width))
    return lines


def _job(job: JobSnapshot, name_cells: int, width: int) -> str:
    """A job's line. Without room, the stalls are left out first, then the limit."""
    name = cut(job.identity.name, name_cells)
    name += " " * (name_cells - cells(name))
    limit = job.cgroup.limit_bytes
    of_limit = "" if limit is None else f" of {format_bytes(limit)}"
    holder = f" by {job.peak_holder}" if job.peak_holder else ""
    kills = f", {formatting.count(job.oom_kills, 'oom kill')}" if job.oom_kills else ""
    stalled = f", stalled {format_duration(job.stalled_ns)}" if job.stalled_ns else ""
    start = f"{name}  peak {format_bytes(job.peak_bytes):>7}"
    rest = f"{holder}{kills}, {_growth(job)}"
    full = (start + of_limit + rest + stalled, start + of_limit + rest, start + rest)
    return next((text for text in full if cells(text) <= width), full[-1])


def _growth(job: JobSnapshot) -> str:
    """The most it ever grew; a job whose processes ended holds nothing any more."""
    if job.peak_growth_bytes:
        return f"grew {format_bytes(job.peak_growth_bytes)}"
    shrank = -job.growth.bytes_total
    return f"shrank {format_bytes(shrank)}" if shrank > 0 else "no growth"
