"""What ended the lost processes: by the guard's own record, else by the kernel's count."""

from collections.abc import Mapping

from bench.rivals.evidence import Left
from bench.rivals.job import Fate

NOTHING, KERNEL, UNKNOWN = "nothing", "the kernel", "unknown"


def killer_of(fate: Fate, guard: str, left: Left) -> str:
    """What ended the lost processes; with each one's name if they were ended differently."""
    acted = {name: _ended(name, fate, guard, left) for name in fate.lost}
    if not acted:
        return NOTHING
    if len(set(acted.values())) == 1:
        return next(iter(acted.values()))
    return _listed(acted)


def _ended(name: str, fate: Fate, guard: str, left: Left) -> str:
    if left.ended & {str(fate.pids[name]), fate.cgroup}:
        return guard
    return KERNEL if fate.oom_kills else UNKNOWN


def _listed(acted: Mapping[str, str]) -> str:
    return ", ".join(f"{actor} ({name})" for name, actor in acted.items())
