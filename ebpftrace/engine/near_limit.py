"""Looks at jobs that are near their limit more often than a snapshot comes.

The kernel stops a watched process at the page that passes a bound. A process that is not
watched takes its pages unseen: a go command that gopls starts took the last 4 % of a limit
of 1 GiB in 0.2 s. So the cgroups of jobs near their limit are read some ten times as often as
all else, and a snapshot is taken at once where one has come to what exhausts it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.events import CgroupRead, ProcessKey
from ebpftrace.judge.detectors.exhaustion import EXHAUSTED_SHARE
from ebpftrace.ledger import Snapshot
from ebpftrace.ledger.held import taken_share
from ebpftrace.ledger.shared import total
from ebpftrace.probe import Probe

PAUSE_NS, CLOSE_PAUSE_NS = 40_000_000, 10_000_000
"""Between two looks at a job near its limit, and at one that is close to it."""

_NEAR_SHARE, _CLOSE_SHARE = 0.9, 0.95
_STEP_SHARE = 0.005  # of the limit: so much more than the last snapshot had is worth another
_REST = 50  # times what a look took, until the next look
_SNAPSHOT_REST = 10  # times what a snapshot took that a look caused, until the next look
_OWN_REST = 50  # the same, until the next look at the cgroup that caused it
_AT_ONCE = 8  # cgroups; of more, the next ones have their turn at the next look


@dataclass(slots=True)
class _Near:
    cgroup_id: int
    process: ProcessKey
    taken: float  # in the last snapshot


class NearLimit:
    """Call `follow` with each snapshot, and `crossed` when `due_ns` has come.

    `clock` is CLOCK_MONOTONIC, in ns.
    """

    def __init__(self, probe: Probe, files: CgroupFiles, clock: Callable[[], int]) -> None:
        self._probe = probe
        self._files = files
        self._clock = clock
        self._near: deque[_Near] = deque()  # what is looked at next comes first
        self._resting: dict[int, int] = {}  # until when, by cgroup id
        self._caused_by: list[int] = []  # the next snapshot, if a look did; cgroup ids
        self._pause_ns = PAUSE_NS
        self._due_ns = 0

    @property
    def due_ns(self) -> int | None:
        """When to look; None: no job is near its limit."""
        return self._due_ns if self._near else None

    @property
    def is_due(self) -> bool:
        return bool(self._near) and self._clock() >= self._due_ns

    def follow(self, snapshot: Snapshot, began_ns: int) -> None:
        """The jobs of this snapshot that are near a limit; it was begun at `began_ns`."""
        near: dict[int, _Near] = {}
        for job in snapshot.jobs:
            taken = taken_share(job.cgroup, job.group_usage)
            if job.processes and taken >= _NEAR_SHARE:
                cgroup_id = job.identity.cgroup_id
                near[cgroup_id] = _Near(cgroup_id, job.processes[0].key, taken)
        turns = {known.cgroup_id: turn for turn, known in enumerate(self._near)}
        last = len(turns)
        self._near = deque(
            sorted(near.values(), key=lambda job: turns.get(job.cgroup_id, last))
        )
        close = any(job.taken >= _CLOSE_SHARE for job in near.values())
        self._pause_ns = CLOSE_PAUSE_NS if close else PAUSE_NS
        self._rest_after_snapshot(began_ns)

    def crossed(self) -> bool:
        """Look at some of the jobs; whether one has come to its limit since the snapshot."""
        began_ns = self._clock()
        looked = [self._near[number] for number in range(min(_AT_ONCE, len(self._near)))]
        self._near.rotate(-len(looked))
        awake = [one for one in looked if self._resting.get(one.cgroup_id, 0) <= began_ns]
        self._caused_by = [
            near.cgroup_id for near in awake if self._has_crossed(near, began_ns)
        ]
        self._rest(began_ns, _REST)
        return bool(self._caused_by)

    def _has_crossed(self, near: _Near, now_ns: int) -> bool:
        """`now_ns` is the same for a whole look: what several share is read once."""
        reading = self._probe.read_one_group(now_ns, near.cgroup_id, near.process)
        if reading is None:
            return False
        event = self._files.complete(CgroupRead(now_ns, near.cgroup_id, reading.counters))
        usage = total(one.usage for one in reading.processes.values())
        taken = taken_share(event.counters, usage)
        return taken >= max(EXHAUSTED_SHARE, near.taken + _STEP_SHARE)

    def _rest_after_snapshot(self, began_ns: int) -> None:
        """A snapshot that comes anyway, however long it takes, delays no look."""
        now_ns = self._clock()
        near = {job.cgroup_id for job in self._near}
        self._resting = {
            cgroup_id: until_ns
            for cgroup_id, until_ns in self._resting.items()
            if cgroup_id in near and until_ns > now_ns
        }
        own_ns = now_ns + _OWN_REST * (now_ns - began_ns)
        self._resting |= dict.fromkeys(self._caused_by, own_ns)
        self._rest(began_ns, _SNAPSHOT_REST if self._caused_by else 0)
        self._caused_by = []

    def _rest(self, began_ns: int, times: int) -> None:
        now_ns = self._clock()
        self._due_ns = now_ns + max(self._pause_ns, times * (now_ns - began_ns))
