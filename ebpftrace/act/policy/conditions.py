"""A policy's condition as one of the judge's detectors, what it needs, and how far it is."""

from collections.abc import Iterable

from ebpftrace.act.policy.policy import Condition, Policy
from ebpftrace.judge.climb import ClimbDetector
from ebpftrace.judge.growth import GrowthDetector
from ebpftrace.judge.level import LevelDetector
from ebpftrace.judge.oom import OomDetector
from ebpftrace.judge.samples import CLOSEST_NS, Samples
from ebpftrace.judge.thrash import ThrashDetector
from ebpftrace.judge.time_to_limit import TimeToLimitDetector
from ebpftrace.judge.verdict import Detector

BUILTIN = "builtin"

_LOOKS = 4  # at a window: what was gained before it counts for a quarter of it at most


def detector_of(condition: Condition) -> Detector | None:
    """The detector that a condition asks; None for the built-in judgement, which is many."""
    bound = condition.bound
    in_bytes, in_share = (None, bound) if condition.share else (round(bound), None)
    match condition.detector:
        case "level":
            return LevelDetector(in_bytes, in_share)
        case "growth":
            return GrowthDetector(condition.window_ns, in_bytes, in_share)
        case "climb":
            return ClimbDetector(round(bound), condition.window_ns)
        case "time_to_limit":
            return TimeToLimitDetector(bound)
        case "thrash":
            return ThrashDetector()
        case "oom":
            return OomDetector()
        case _:
            return None


def look_every_ns(policies: Iterable[Policy]) -> int | None:
    """How often a window must be looked at, so that it has a floor; None: no window."""
    windows = [
        one.window_ns for policy in policies for one in policy.when if one.detector == "growth"
    ]
    return max(CLOSEST_NS, min(windows) // _LOOKS) if windows else None


def bytes_away(condition: Condition, samples: Samples) -> int | None:
    """How much more it takes until a level or a growth meets its bound.

    Not above 0 where it is met; None where there is no such bound.
    """
    now = samples.now
    if condition.detector == "growth":
        _, lowest = samples.lowest(condition.window_ns)
        gain = condition.bound * (now.limit_bytes or 0) if condition.share else condition.bound
        return round(lowest + gain) - now.held_bytes if gain else None
    if not condition.share:
        return round(condition.bound) - now.held_bytes
    if not now.limit_bytes or now.used_share is None:
        return None
    return round((condition.bound - now.used_share) * now.limit_bytes)
