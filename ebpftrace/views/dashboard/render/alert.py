"""One line about the jobs in trouble: which, how bad, since when, and which process."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.ledger import JobSnapshot, JobState
from ebpftrace.units import format_bytes
from ebpftrace.views import formatting
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.dashboard.model.frozen import FROZEN, process_name, stopped_duration
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.spans import Line, fit, text
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.dashboard.render.trouble import Trouble, holder, short_name, trouble_of
from ebpftrace.views.level import Danger

_NAME_CELLS = 28
_MIN_NAME_CELLS = 10  # a longer name is cut to it before anything is left out
_ROOMY = 60
_NARROW = 24  # below this width: one job, its sign and how full it is

_ORDER = tuple(Danger)

Case = tuple[JobSnapshot, Trouble]


def alert(screen: ScreenData, width: int, theme: Theme) -> Line:
    """The jobs near their limit or on the way there, with findings, or oom-killed just now.

    The soonest to be full comes first; as many jobs as fit.
    """
    if screen.snapshot is None:
        return ()
    cases = [(job, trouble_of(job, screen)) for job in screen.snapshot.jobs]
    cases = [case for case in cases if case[1].urgent]
    cases.sort(key=_urgency)
    line: list[Segment] = []
    used = 0
    for number, (job, trouble) in enumerate(cases):
        rest = len(cases) - number - 1
        room = width - used - (3 if line else 0)
        if rest and width >= _NARROW:
            room -= len(_more(rest, width))
        descriptions = list(_descriptions(job, trouble, screen))
        describe = _next if line else _first
        shown = describe(job, trouble, descriptions, room, theme)
        if line and cells(shown) > room:
            line.append(text(_more(rest + 1, width), theme.warning))
            break
        signs = trouble.signs(theme)
        line += [text("   " if line else ""), text(shown, signs[0][1])]
        used += cells(shown) + (3 if number else 0)
        if width < _NARROW:
            break
    return fit(line, width)


def _more(number: int, width: int) -> str:
    return f"   and {number:,} more" if width >= _ROOMY else f"  +{number:,} more"


def _first(
    job: JobSnapshot, trouble: Trouble, descriptions: Sequence[str], room: int, theme: Theme
) -> str:
    """The longest description that leaves room for a recognizable name."""
    sign = "".join(sign for sign, _ in trouble.signs(theme))
    name = cut(job.identity.name, _NAME_CELLS)
    least = min(_MIN_NAME_CELLS, cells(name))
    for description in descriptions:
        left = room - cells(f"{sign}  {description}")
        if left >= least:
            return f"{sign} {cut(name, left)} {description}"
    shortest = descriptions[-1]
    left = room - cells(f"{sign}  {shortest}")
    return f"{sign} {cut(name, left)} {shortest}" if left > 1 else f"{sign} {shortest}"


def _next(
    job: JobSnapshot, trouble: Trouble, descriptions: Sequence[str], room: int, theme: Theme
) -> str:
    """The longest description that fits; where none does, the shortest useful one."""
    sign = "".join(sign for sign, _ in trouble.signs(theme))
    name = cut(job.identity.name, _NAME_CELLS)
    shown = ""
    for description in descriptions[:-2]:
        shown = f"{sign} {name} {description}"
        if cells(shown) <= room:
            break
    return shown


def _urgency(case: Case) -> tuple[int, float, float]:
    job, trouble = case
    seconds = job.seconds_to_limit
    far = float("inf") if seconds is None else seconds
    return _ORDER.index(trouble.danger), far, -(job.limit_share or 0)


def _descriptions(job: JobSnapshot, trouble: Trouble, screen: ScreenData) -> Iterator[str]:
    """Descriptions of a job, from the longest to the shortest."""
    if trouble.frozen:
        yield from _frozen(trouble.frozen, screen)
        return
    figures = []
    # The charge of an ended job is out of date.
    if (
        job.limit_share is not None
        and job.state is JobState.RUNNING
        and trouble.danger is not Danger.CALM
    ):
        figures.append(f"at {min(job.limit_share, 9.99):.0%}")
    if job.seconds_to_limit is not None:
        figures.append(f"full in {formatting.wait(job.seconds_to_limit)}")
    since = []
    if trouble.finding is not None and trouble.danger is not Danger.CALM:
        since.append(f"{short_name(trouble.finding)} since {trouble.finding_since}")
    killed = []
    if trouble.recent or (trouble.kills and not figures):
        kills = formatting.count(trouble.kills, "oom kill")
        last = ", last at" if trouble.kills > 1 else " at"
        killed.append(f"{kills}{last} {trouble.last_kill}" if trouble.last_kill else kills)
    calm = trouble.danger is Danger.CALM
    process = trouble.victim if calm else holder(job, trouble.finding)
    full = ", ".join((*figures, *since, *killed))
    if process:
        yield f"{full} ({process})" if full else f"({process})"
    yield full
    yield ", ".join((*figures, *since)) or full
    yield ", ".join(figures) or full
    least = (figures or since or killed or [""])[0]
    yield least
    yield least.removeprefix("at ")


def _frozen(frozen: Sequence[FuseEvent], screen: ScreenData) -> Iterator[str]:
    first = frozen[0]
    least = FROZEN if len(frozen) == 1 else f"{len(frozen):,} {FROZEN}"
    duration = f"{least} for {stopped_duration(first, screen)}"
    at = f"{duration} at {format_bytes(first.measured_bytes)}"
    if first.next_steps:
        yield f"{at} ({process_name(first)}), next: {first.next_steps}"
        yield f"{at}, next: {first.next_steps}"  # the list shows the process, too
    yield f"{at} ({process_name(first)})"
    yield at
    yield duration
    yield least
