"""What policies ask of the judge, and which of its findings answer which condition.

Two policies may ask one detector with two bounds, so a detector that a condition made
carries its bound in its name: `growth:256MiB/60s`.
"""

from collections.abc import Sequence

from ebpftrace.act.policy import Condition, Policy
from ebpftrace.judge.builtin import builtin_detectors
from ebpftrace.judge.climb import Climb
from ebpftrace.judge.finding import Finding
from ebpftrace.judge.growth import Growth
from ebpftrace.judge.level import Level
from ebpftrace.judge.time_to_limit import TimeToLimit
from ebpftrace.judge.verdict import Detector
from ebpftrace.units import GIB, KIB, MIB, NS_PER_SECOND

_BUILTIN = frozenset(one.name for one in builtin_detectors())


def detectors_for(policies: Sequence[Policy]) -> tuple[Detector, ...]:
    """The built-in detectors, and one for each different condition of these policies."""
    asked = {
        detector_name(condition): made
        for policy in policies
        for condition in policy.when
        if (made := _detector(condition)) is not None
    }
    return (*builtin_detectors(), *asked.values())


def judges_processes(policies: Sequence[Policy]) -> bool:
    """Whether any condition asks about single processes."""
    return any(condition.per_process for policy in policies for condition in policy.when)


def answers(condition: Condition, finding: Finding) -> bool:
    """Whether this finding, while it is in force, meets the condition."""
    if (finding.subject.process is not None) != condition.per_process:
        return False
    if condition.detector == "builtin":
        return finding.detector in _BUILTIN and finding.severity >= condition.least
    return finding.detector == detector_name(condition)


def detector_name(condition: Condition) -> str:
    """What the condition's findings say as their detector."""
    bound, window = condition.bound, f"{condition.window_ns / NS_PER_SECOND:.12g}s"
    size = f"{100 * bound:.12g}%" if condition.share else _exactly(round(bound))
    match condition.detector:
        case "level":
            return f"level:{size}"
        case "growth":
            return f"growth:{size}/{window}"
        case "climb":
            return f"climb:{size}/s/{window}"
        case "time_to_limit":
            return f"time_to_limit:{bound:.12g}s"
        case other:
            return other


def _detector(condition: Condition) -> Detector | None:
    name, bound = detector_name(condition), condition.bound
    in_bytes = None if condition.share else round(bound)
    in_share = bound if condition.share else None
    match condition.detector:
        case "level":
            return Level(in_bytes, in_share, name=name)
        case "growth":
            return Growth(condition.window_ns, in_bytes, in_share, name=name)
        case "climb":
            return Climb(round(bound), condition.window_ns, name=name)
        case "time_to_limit":
            return TimeToLimit(bound, name=name)
        case _:
            return None


def _exactly(size: int) -> str:
    """The size without a byte lost, so that no two bounds share a name."""
    for unit, scale in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size % scale == 0:
            return f"{size // scale}{unit}"
    return f"{size}B"
