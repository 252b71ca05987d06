"""How often the bound of a stopped process is raised because other programs resumed it."""

from ebpftrace.act.fuse.bounds import BoundKey
from ebpftrace.units import NS_PER_SECOND

MOST_RESUMES = 2
"""Within `WITHIN_NS`. A person resumes a job of a shell once or twice; each time its bound is
raised. After that the bound stays, at which the kernel side stops it again or kills it."""

WITHIN_NS = 60 * NS_PER_SECOND


class Resumes:
    """Times are CLOCK_MONOTONIC, in ns."""

    def __init__(self) -> None:
        self._at_ns: dict[BoundKey, list[int]] = {}

    def allow(self, key: BoundKey, now_ns: int) -> bool:
        """Whether a process that another program resumed has its bound raised now."""
        since = now_ns - WITHIN_NS
        kept = {of: [at for at in times if at > since] for of, times in self._at_ns.items()}
        self._at_ns = {of: times for of, times in kept.items() if times}
        times = self._at_ns.setdefault(key, [])
        if len(times) >= MOST_RESUMES:
            return False
        times.append(now_ns)
        return True
