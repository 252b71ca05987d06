"""Who stands at a fuse, in the words of the dashboard."""

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.events import FuseOf
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.stopped_processes import StoppedByKey, stopped_for_ns

FROZEN = "FROZEN"

_MOST = 3  # of a job whose facts are told
_OF = {
    FuseOf.PROCESS: "of the process",
    FuseOf.JOB: "of the job",
    FuseOf.CHARGE: "of the job's charge",
}


def stopped_in_job(job: JobSnapshot, stopped: StoppedByKey) -> list[FuseEvent]:
    """The processes of a job that stand, the first that was stopped first."""
    if not stopped:
        return []
    found = [stopped[one.key] for one in job.processes if one.key in stopped]
    return sorted(found, key=lambda news: news.monotonic_ns)


def stopped_in_row(row: Row, stopped: StoppedByKey) -> list[FuseEvent]:
    """Whoever stands of a row: the process itself, or those of the job."""
    if row.process is None:
        return stopped_in_job(row.job, stopped)
    news = stopped.get(row.process.key)
    return [news] if news is not None else []


def who(news: FuseEvent) -> str:
    """`gopls 4711`."""
    return f"{news.comm} {news.process.pid}"


def stopped_duration(news: FuseEvent, screen: ScreenData) -> str:
    """`12s`, at the time of the screen's snapshot."""
    now = screen.snapshot.monotonic_ns if screen.snapshot is not None else news.monotonic_ns
    return format_duration(stopped_for_ns(news, now))


def frozen_facts(row: Row, screen: ScreenData) -> list[tuple[str, str]]:
    """Who stands, for how long and at what; what happens next, and what a key does."""
    found = stopped_in_row(row, screen.stopped)
    facts = [fact for news in found[:_MOST] for fact in _facts(news, screen)]
    if len(found) > _MOST:
        facts.append(("frozen", f"and {len(found) - _MOST:,} more"))
    if len(found) == 1:
        again = found[0].next_bound_bytes
        until = "" if again is None else f", until it meets {format_bytes(again)}"
        facts.append(("keys", f"t lets it go on{until}; x, pressed twice, kills it"))
    return facts


def _facts(news: FuseEvent, screen: ScreenData) -> list[tuple[str, str]]:
    limit = "" if news.limit_bytes is None else f", limit {format_bytes(news.limit_bytes)}"
    told = (
        f"{who(news)} for {stopped_duration(news, screen)}: stopped at "
        f"{format_bytes(news.measured_bytes)}, bound {format_bytes(news.bound_bytes)} "
        f"{_OF[news.of]}{limit}"
    )
    return [("frozen", told), ("next", news.then)] if news.then else [("frozen", told)]
