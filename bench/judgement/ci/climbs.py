"""How long healthy jobs climb: what a rule on the length of a climb must leave alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.judgement.ci.recording import Recording
from bench.judgement.trace import snapshots


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest steady climb of a recording that had used up so much of its room."""

    name: str
    seconds: float
    used: float  # of the room that it began with, 0..1


def longest_climb(recording: Recording, least_used: float) -> Longest | None:
    """The longest, as the ledger estimates it; None where none came so far."""
    best: Longest | None = None
    for snapshot in snapshots(recording.trace):
        for job in snapshot.jobs:
            climb, room = job.trend.climb, job.trend.room_bytes
            if climb is None or room is None:
                continue
            used = climb.gain_bytes / max(1, climb.gain_bytes + room)
            if used >= least_used and (best is None or climb.seconds > best.seconds):
                best = Longest(recording.name, climb.seconds, used)
    return best


def climbs_text(
    recordings: Sequence[Recording],
    shares: Iterable[float] = (0.5, 0.6, 0.7, 0.8),
    most: int = 5,
) -> str:
    """For each share of the room: the longest climbs of healthy runs that used it up."""
    lines = []
    for share in shares:
        found = [longest_climb(one, share) for one in recordings if not one.leaky]
        longest = sorted((one for one in found if one), key=lambda one: -one.seconds)[:most]
        named = ", ".join(f"{one.name} {one.seconds:.0f} s" for one in longest)
        lines.append(f"past {share:.0%} of its room: {named or 'none'}")
    return "\n".join(lines)
