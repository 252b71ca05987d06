"""The jobs in trouble, in one line: which, how bad, since when, and who in them."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import format_bytes
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.model.frozen import FROZEN, stopped_duration, who
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.dashboard.render.trouble import Trouble, holder, short_name, trouble_of

_NAME_CELLS = 28
_NAME_LEAST = 10  # a longer name is cut to it before anything else is left out
_ROOMY = 60
_NARROW = 24  # below it: one job, its sign and how full it is

_ORDER = ("frozen", "near", "raised", "calm")

Case = tuple[JobSnapshot, Trouble]


def alert(screen: ScreenData, width: int, theme: Theme) -> Line:
    """The jobs that are near their limit, on the way there, or were found to be in trouble
    or oom-killed a moment ago; the soonest to be full first, as many as fit.
    """
    if screen.snapshot is None:
        return ()
    cases = [(job, trouble_of(job, screen)) for job in screen.snapshot.jobs]
    cases = [case for case in cases if case[1].pressing]
    cases.sort(key=_urgency)
    line: list[Segment] = []
    used = 0
    for number, (job, trouble) in enumerate(cases):
        rest = len(cases) - number - 1
        room = width - used - (3 if line else 0)
        if rest and width >= _NARROW:
            room -= len(_more(rest, width))
        tellings = list(_tellings(job, trouble, screen))
        tell = _next if line else _first
        told = tell(job, trouble, tellings, room, theme)
        if line and cells(told) > room:
            line.append(text(_more(rest + 1, width), theme.warning))
            break
        signs = trouble.signs(theme)
        line += [text("   " if line else ""), text(told, signs[0][1])]
        used += cells(told) + (3 if number else 0)
        if width < _NARROW:
            break
    return fit(line, width)


def _more(number: int, width: int) -> str:
    return f"   and {number:,} more" if width >= _ROOMY else f"  +{number:,} more"


def _first(
    job: JobSnapshot, trouble: Trouble, tellings: Sequence[str], room: int, theme: Theme
) -> str:
    """As much as fits beside a name that can be told from another's."""
    sign = "".join(sign for sign, _ in trouble.signs(theme))
    name = cut(job.identity.name, _NAME_CELLS)
    least = min(_NAME_LEAST, cells(name))
    for plight in tellings:
        left = room - cells(f"{sign}  {plight}")
        if left >= least:
            return f"{sign} {cut(name, left)} {plight}"
    left = room - cells(f"{sign}  {tellings[-1]}")
    return f"{sign} {cut(name, left)} {tellings[-1]}" if left > 1 else f"{sign} {tellings[-1]}"


def _next(
    job: JobSnapshot, trouble: Trouble, tellings: Sequence[str], room: int, theme: Theme
) -> str:
    """All there is to say, else less, else more than fits."""
    sign = "".join(sign for sign, _ in trouble.signs(theme))
    name = cut(job.identity.name, _NAME_CELLS)
    told = ""
    for plight in tellings[:-2]:
        told = f"{sign} {name} {plight}"
        if cells(told) <= room:
            break
    return told


def _urgency(case: Case) -> tuple[int, float, float]:
    job, trouble = case
    seconds = job.seconds_to_limit
    far = float("inf") if seconds is None else seconds
    return _ORDER.index(trouble.danger), far, -(job.limit_share or 0)


def _tellings(job: JobSnapshot, trouble: Trouble, screen: ScreenData) -> Iterator[str]:
    """What to say of a job, from all to the least."""
    if trouble.frozen:
        yield from _frozen(trouble.frozen, screen)
        return
    figures = []
    # An ended job's charge was read when it ran.
    if job.limit_share is not None and job.state == "running" and trouble.danger != "calm":
        figures.append(f"at {min(job.limit_share, 9.99):.0%}")
    if job.seconds_to_limit is not None:
        figures.append(f"full in {formatting.wait(job.seconds_to_limit)}")
    since = []
    if trouble.finding is not None and trouble.danger != "calm":
        since.append(f"{short_name(trouble.finding)} since {trouble.finding_since}")
    killed = []
    if trouble.fresh or (trouble.kills and not figures):
        told = formatting.count(trouble.kills, "oom kill")
        last = ", last at" if trouble.kills > 1 else " at"
        killed.append(f"{told}{last} {trouble.last_kill}" if trouble.last_kill else told)
    calm = trouble.danger == "calm"
    who = trouble.victim if calm else holder(job, trouble.finding)
    all_told = ", ".join((*figures, *since, *killed))
    if who:
        yield f"{all_told} ({who})" if all_told else f"({who})"
    yield all_told
    yield ", ".join((*figures, *since)) or all_told
    yield ", ".join(figures) or all_told
    least = (figures or since or killed or [""])[0]
    yield least
    yield least.removeprefix("at ")


def _frozen(frozen: Sequence[FuseEvent], screen: ScreenData) -> Iterator[str]:
    first = frozen[0]
    least = FROZEN if len(frozen) == 1 else f"{len(frozen):,} {FROZEN}"
    told = f"{least} for {stopped_duration(first, screen)}"
    at = f"{told} at {format_bytes(first.measured_bytes)}"
    if first.then:
        yield f"{at} ({who(first)}), next: {first.then}"
        yield f"{at}, next: {first.then}"  # who it is stands in the list, too
    yield f"{at} ({who(first)})"
    yield at
    yield told
    yield least
