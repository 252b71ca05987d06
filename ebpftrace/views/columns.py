"""The columns of the table: what each says of a job and of a process.

They stand in order of importance; a narrower terminal loses them from the right.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from ebpftrace.ledger import Growth, JobSnapshot, ProcessSnapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import phrases
from ebpftrace.views.level import LEVEL_STYLE, held_share, level

LAST = "WHAT IT IS"  # the heading of the one column that takes what room is left
NARROW = 24  # below it: a sign, a name and a size
_BARRED = 60  # from it: a bar beside the share of the limit, and wider gaps


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, a fixed width, and what stands in it."""

    heading: str
    width: int
    job: Callable[[JobSnapshot], Text]
    process: Callable[[ProcessSnapshot], Text]
    left: bool = False


def gap(width: int) -> int:
    """Columns of the terminal between two columns of the table."""
    return 2 if width >= _BARRED else 1


def choose_columns(width: int, name_width: int) -> list[Column]:
    """The columns that fit `width` beside a name of `name_width`, most important first."""
    if width < NARROW:
        return [_COMPACT] if width >= 7 else []
    room = width - name_width
    chosen: list[Column] = []
    for column in (_RSS, _GROWTH, _limit_column(width), *_REST):
        room -= gap(width) + column.width
        if room < 0:
            break
        chosen.append(column)
    return chosen


def _size(size: int, style: str = "") -> Text:
    return Text(format_bytes(size), style) if size else Text("·", "dim")


def compact(size: int) -> str:
    """A size in four columns, for the narrowest terminals: `8.1G`."""
    return format_bytes(size).replace("iB", "").replace(" ", "")


def _rate(growth: Growth, style: str = "") -> Text:
    told = phrases.rate(growth.bytes_per_second)
    return Text(told, style if growth.bytes_per_second else "dim")


def _job_rate(job: JobSnapshot) -> Text:
    return _rate(job.growth, "bold") if job.state == "running" else Text("·", "dim")


def _change(size: int) -> Text:
    return Text(phrases.signed_bytes(size)) if size else Text("·", "dim")


def _nothing(_: object) -> Text:
    return Text()


def _limit_column(width: int) -> Column:
    """The charge against the limit: a share, with a bar where there is room for one."""
    bar = 10 if width >= _BARRED else 0
    of_limit = width >= 110

    def draw(job: JobSnapshot) -> Text:
        share = job.limit_share
        if job.state != "running":  # the charge was read when it ran
            return Text("·", "dim")
        if share is None:
            return Text("no limit" if bar else "·", "dim")
        text = _bar(job, bar) if bar else Text()
        told = f"{min(share, 9.99):.0%}"  # a limit set below the charge: beyond any column
        text.append(f"{told:>{5 if bar else 4}}", LEVEL_STYLE[level(job)])
        if of_limit:
            text.append(f" of {format_bytes(job.cgroup.limit_bytes or 0)}", "dim")
        return text

    heading = "CHARGE / LIMIT" if bar else "LIM"
    cells = bar + (5 if bar else 4) + (11 if of_limit else 0)
    return Column(heading, cells, draw, _nothing, left=bool(bar))


def _bar(job: JobSnapshot, width: int) -> Text:
    """Heavy: what tracked processes hold. Light: the rest of the charge, cache included."""
    held = min(width, round((held_share(job) or 0) * width))
    charged = min(width, max(held, round((job.limit_share or 0) * width)))
    return (
        Text()
        .append("━" * held, LEVEL_STYLE[level(job)] or "green")
        .append("╌" * (charged - held))
        .append("·" * (width - charged), "dim")
    )


def _left(job: JobSnapshot) -> Text:
    seconds = job.seconds_to_limit
    if seconds is None:
        return Text("·", "dim")
    return Text(phrases.wait(seconds), LEVEL_STYLE[level(job)])


def _stalled(ns: int) -> Text:
    return Text(format_duration(ns)) if ns else Text("·", "dim")


_COMPACT = Column(
    "RSS",
    4,
    lambda job: Text(compact(job.usage.resident_bytes)),
    lambda process: Text(compact(process.own.resident_bytes)),
)
_RSS = Column(
    "RSS",
    7,
    lambda job: _size(job.usage.resident_bytes, "bold"),
    lambda process: _size(process.own.resident_bytes),
)
_GROWTH = Column("GROWTH", 10, _job_rate, lambda process: _rate(process.growth))
_REST = (
    Column("FULL IN", 7, _left, _nothing),
    Column(
        "PEAK",
        7,
        lambda job: _size(job.peak_bytes),
        lambda process: _size(process.counters.peak_bytes),
    ),
    Column(
        "IN 10s",
        8,
        lambda job: _change(job.growth.bytes_10s),
        lambda process: _change(process.growth.bytes_10s),
    ),
    Column(
        "IN 60s",
        8,
        lambda job: _change(job.growth.bytes_60s),
        lambda process: _change(process.growth.bytes_60s),
    ),
    Column(
        "ANON",
        7,
        lambda job: _size(job.usage.anon_bytes),
        lambda process: _size(process.own.anon_bytes),
    ),
    Column(
        "FILE",
        7,
        lambda job: _size(job.usage.file_bytes),
        lambda process: _size(process.own.file_bytes),
    ),
    Column(
        "SHMEM",
        7,
        lambda job: _size(job.usage.shmem_bytes),
        lambda process: _size(process.own.shmem_bytes),
    ),
    Column(
        "SWAP",
        7,
        lambda job: _size(job.usage.swap_bytes),
        lambda process: _size(process.own.swap_bytes),
    ),
    Column(
        "STALLED",
        7,
        lambda job: _stalled(job.stalled_ns),
        lambda process: _stalled(process.counters.stalled_ns),
    ),
    Column(
        "AGE",
        6,
        lambda job: Text(format_duration(job.age_ns)),
        lambda process: Text(format_duration(process.age_ns)),
    ),
    Column(
        LAST,
        20,
        lambda job: Text(f"{job.identity.kind}, by {job.identity.identified_by}", "dim"),
        lambda process: Text(process.cmdline, "dim"),
        left=True,
    ),
)
