"""Who ended whom: what the guard itself wrote of it, then the kernel's count of its kills."""

from collections.abc import Mapping

from bench.rivals.evidence import Left
from bench.rivals.job import Fate

NOBODY, KERNEL, UNKNOWN = "nobody", "the kernel", "unknown"


def who(fate: Fate, guard: str, left: Left) -> str:
    """Whoever ended those who were lost; whom each ended, where they were several."""
    acted = {name: _ended(name, fate, guard, left) for name in fate.lost}
    if not acted:
        return NOBODY
    if len(set(acted.values())) == 1:
        return next(iter(acted.values()))
    return _told(acted)


def _ended(name: str, fate: Fate, guard: str, left: Left) -> str:
    if left.ended & {str(fate.pids[name]), fate.cgroup}:
        return guard
    return KERNEL if fate.oom_kills else UNKNOWN


def _told(acted: Mapping[str, str]) -> str:
    return ", ".join(f"{actor} ({name})" for name, actor in acted.items())
