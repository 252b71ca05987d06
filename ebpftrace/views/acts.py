"""What was done, in lines: steps, outcomes, and remarks about the watch itself."""

import textwrap
from dataclasses import dataclass

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.units import format_duration
from ebpftrace.views import phrases
from ebpftrace.views.cells import cells, cut
from ebpftrace.views.lines import WIDTH, line

_JOB_CELLS = 24
_UNCUT = 10**6


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the watch itself, said while it runs."""

    time_ns: int
    monotonic_ns: int
    text: str


Act = StepOutcome | Outcome | FuseEvent | Remark


def act_line(act: Act, width: int = WIDTH) -> str:
    """One line that is cut."""
    return cut(_whole(act), width)


def act_lines(act: Act, width: int = WIDTH) -> list[str]:
    """All that it says, wrapped."""
    told = _whole(act)
    if cells(told) <= width:
        return [told]
    kind, _, rest = told.partition(" ")
    return textwrap.wrap(
        rest.lstrip(),
        width,
        initial_indent=line(kind, "", width),
        subsequent_indent=line("", "", width),
        break_on_hyphens=False,
    )


def _whole(act: Act) -> str:
    when = phrases.clock(act.time_ns)
    if isinstance(act, StepOutcome):
        status = act.status.value.replace("_", " ")
        took = "" if act.status is StepStatus.SKIPPED else f" in {format_duration(act.took_ns)}"
        job = cut(act.job.name, _JOB_CELLS)
        told = f"{when} {act.action} for {job}: {status}{took}: {act.detail}"
        return line("action", told, _UNCUT)
    if isinstance(act, Outcome):
        job = cut(act.job.name, _JOB_CELLS)
        told = f"{when} {_verdict(act)} in {job}: {act.sentence}"
        return line("outcome", told, _UNCUT)
    if isinstance(act, FuseEvent):
        told = f"{when} {act.word} in {cut(act.job.name, _JOB_CELLS)}: {act.sentence}"
        if act.word is FuseEventKind.STOPPED and act.then:
            told += f"; next: {act.then}"
        return line("fuse", told, _UNCUT)
    return line("remark", f"{when} {act.text}", _UNCUT)


def _verdict(outcome: Outcome) -> str:
    if outcome.canceled:
        return "called off"
    return "helped" if outcome.helped else "NOT helped"
