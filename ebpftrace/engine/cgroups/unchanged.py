"""Reads the files of those cgroups again in which nothing else has changed.

What memory.stat shows nearly always follows the charge, the limit hits and the tracked
processes: a cgroup in which none of these has changed is read only in its turn. But processes
that are not tracked may take as much memory that cannot be dropped as they give back page
cache, and freed memory may have been written to: where that may decide something, the files
are read each time.
"""

from collections.abc import Callable
from itertools import islice

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.events import CgroupRead
from ebpftrace.ledger.held import taken_share
from ebpftrace.units import NS_PER_SECOND

TURN_NS = 60 * NS_PER_SECOND
"""All have had their turn by then."""

_CLOSE_SHARE = 0.5  # of a limit or of a memory.high, taken by what cannot be dropped


class UnchangedCgroups:
    """Completes each reading from the cgroup's files, and remembers it.

    `is_live` says whether a tracked process is in a cgroup; others are forgotten.
    """

    def __init__(self, files: CgroupFiles, is_live: Callable[[int], bool]) -> None:
        self._files = files
        self._is_live = is_live
        self._known: dict[int, CgroupRead] = {}  # what was read last is last
        self._close: set[int] = set()
        self._before_ns: int | None = None  # the last call of `due`

    def __len__(self) -> int:
        return len(self._known)

    def complete(self, event: CgroupRead) -> CgroupRead:
        """The event with what the files add."""
        done = self._files.complete(event)
        before = self._known.pop(event.cgroup_id, None)
        if before is not None and before.counters == done.counters:
            done = done._replace(counters=before.counters)  # which the ledger has as well
        # Of a level above, the files may be read the next time or not.
        is_own = done.counters.levels == event.counters.levels
        self._known[event.cgroup_id] = done if is_own else event
        if _is_close(done.counters):
            self._close.add(event.cgroup_id)
        else:
            self._close.discard(event.cgroup_id)
        return done

    def due(self, now_ns: int) -> list[CgroupRead]:
        """The readings to complete anew. Call it once a reading, with its time."""
        passed_ns = 0 if self._before_ns is None else now_ns - self._before_ns
        self._before_ns = now_ns
        turns = -(-len(self._known) * passed_ns // TURN_NS)
        wanted = dict.fromkeys((*self._close, *islice(self._known, turns)))
        found = []
        for cgroup_id in wanted:
            event = self._known[cgroup_id]
            if not self._is_live(cgroup_id):
                self.forget(cgroup_id)
            elif event.time_ns < now_ns:
                without = event.counters._replace(contents=None, pressure=None)
                found.append(event._replace(time_ns=now_ns, counters=without))
        return found

    def forget(self, cgroup_id: int) -> None:
        """It was removed, or has no tracked process any more."""
        self._known.pop(cgroup_id, None)
        self._close.discard(cgroup_id)


def _is_close(counters: CgroupCounters) -> bool:
    """Whether what only the files show may decide something soon."""
    pressure, contents, high = counters.pressure, counters.contents, counters.high_bytes
    if counters.stuck or (pressure and (pressure.some_share or pressure.full_share)):
        return True
    charge = counters.high_charge_bytes or counters.charge_bytes
    held = charge - (contents.cache_bytes if contents else 0)
    if high and held >= _CLOSE_SHARE * high:
        return True
    return taken_share(counters, Usage()) >= _CLOSE_SHARE
