"""A bar of memory by kind against the limit."""

from rich.segment import Segment

from ebpftrace.counters import Usage
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.views.dashboard.render.theme import Theme


def job_bar(job: JobSnapshot, width: int, theme: Theme) -> list[Segment]:
    """Anon, shmem and file of the tracked processes, the rest of the charge, free memory.

    Exactly `width` columns. The first kind that is not 0 gets at least one column.
    """
    limit = job.cgroup.limit_bytes
    if not limit:
        return [Segment("no limit"[:width].ljust(width), theme.faint)]
    return _bar(job.usage, job.cgroup.charge_bytes, limit, width, theme)


def process_bar(
    process: ProcessSnapshot, job: JobSnapshot, width: int, theme: Theme
) -> list[Segment]:
    """A process's share of its job's limit; blank without a limit."""
    limit = job.cgroup.limit_bytes
    if not limit:
        return [Segment(" " * width)]
    own = process.own
    return _bar(own, own.resident_bytes, limit, width, theme, free=" ")


def _bar(
    usage: Usage, charge: int, limit: int, width: int, theme: Theme, free: str = ""
) -> list[Segment]:
    signs = theme.signs
    parts = (
        (usage.anon_bytes, signs.anon, theme.anon),
        (usage.shmem_bytes, signs.shmem, theme.shmem),
        (usage.file_bytes, signs.file, theme.file),
        (max(0, charge - usage.resident_bytes), signs.rest, theme.faint),
    )
    bar: list[Segment] = []
    total = drawn = 0
    for size, sign, style in parts:
        total += size
        end = min(width, (total * width + limit // 2) // limit)
        if total and not end and width:
            end = 1
        if end > drawn:
            bar.append(Segment(sign * (end - drawn), style))
            drawn = end
    if drawn < width:
        bar.append(Segment((free or signs.free) * (width - drawn), theme.faint))
    return bar
