"""Steps, outcomes, fuse events and remarks as lines of text."""

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.units import format_duration
from ebpftrace.views import formatting
from ebpftrace.views.cells import cut
from ebpftrace.views.start import Remark
from ebpftrace.views.text_lines import WIDTH, line, wrapped_lines

_JOB_CELLS = 24


Activity = StepOutcome | Outcome | FuseEvent | Remark
"""What the breaker did, and remarks about the watch."""


def activity_line(activity: Activity, width: int = WIDTH) -> str:
    """One line, cut to `width` columns."""
    return line(*kind_and_text(activity), width)


def activity_lines(activity: Activity, width: int = WIDTH) -> list[str]:
    """The whole text, wrapped to `width` columns."""
    return wrapped_lines(*kind_and_text(activity), width)


def kind_and_text(activity: Activity) -> tuple[str, str]:
    """The first word of its line, and the rest, which begins with the time of day."""
    when = formatting.clock(activity.time_ns)
    if isinstance(activity, Remark):
        return "remark", f"{when} {activity.text}"
    job = cut(activity.job.name, _JOB_CELLS)
    if isinstance(activity, StepOutcome):
        status = activity.status.value.replace("_", " ")
        skipped = activity.status is StepStatus.SKIPPED
        took = "" if skipped else f" in {format_duration(activity.took_ns)}"
        text = f"{when} {activity.action} for {job}: {status}{took}: {activity.detail}"
        return "step", text
    if isinstance(activity, Outcome):
        return "outcome", f"{when} {_result(activity)} in {job}: {activity.sentence}"
    text = f"{when} {activity.kind} in {job}: {activity.sentence}"
    if activity.kind is FuseEventKind.STOPPED and activity.next_steps:
        text += f"; next: {activity.next_steps}"
    return "fuse", text


def _result(outcome: Outcome) -> str:
    if outcome.canceled:
        return "canceled"
    return "helped" if outcome.helped else "NOT helped"
