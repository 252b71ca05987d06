"""Which of a gone process's folders others still use, and what of them was its own alone."""

import contextlib
import os
import pwd
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.cache_dirs import VARIABLES, CacheDir
from ebpftrace.events import ProcessKey
from ebpftrace.host.mounts import mounts
from ebpftrace.host.using import FileId, User, file_id, processes_using

_EVERYBODYS = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root")
_TICK_NS = 10_000_000  # start times and times of files are that coarse


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who lives that uses any of the folders. Moments are Unix time, nanoseconds."""

    incident: Incident
    users: tuple[User, ...]
    shared: frozenset[FileId]
    mounted: frozenset[str]  # where; not looked at, for a server may not answer
    boot_ns: int  # when the machine was started

    def left_alone(self, place: CacheDir) -> str:
        """Why this folder is not to be touched; "" if it may be."""
        if place.id in self.shared:
            return "it is a folder that all share"
        if place.path.rstrip("/") in self.mounted:
            return "something is mounted there"
        for one in self._of(place):
            if not self._in_job(one):
                return f"{one.stat.comm} {one.stat.pid} of another job uses it"
        for one in self._peers(place):
            who = f"{one.stat.comm} {one.stat.pid} uses it"
            if place.variable != "TMPDIR":
                return who
            if one.stat.start_boottime_ns <= self._born_boottime_ns:
                return who  # what it made meanwhile could not be told apart
        return ""

    def spares(self, place: CacheDir, status: os.stat_result) -> bool:
        """Whether an entry may be of somebody who lives.

        With nobody there, everything is what was left behind. Else the gone process's own
        is what was written while it lived, before a successor came, and nobody has open.
        """
        there = self._of(place)
        if not there:
            return False
        if any((status.st_dev, status.st_ino) in one.folders[place.id] for one in there):
            return True
        if status.st_ctime_ns < self.boot_ns + self._born_boottime_ns - _TICK_NS:
            return True
        starts = [one.stat.start_boottime_ns for one in self._peers(place)]
        latest = max(status.st_ctime_ns, status.st_mtime_ns)
        return bool(starts) and latest >= self.boot_ns + min(starts) - _TICK_NS

    def told(self, place: CacheDir) -> str:
        """Of whom something may stay, in words; "" of nobody."""
        names = [f"{one.stat.comm} {one.stat.pid}" for one in self._of(place)]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{names[0]}{more} of the job uses it too" if names else ""

    @property
    def _born_boottime_ns(self) -> int:
        return min(one.key.start_boottime_ns for one in self.incident.targets)

    def _of(self, place: CacheDir) -> list[User]:
        return [one for one in self.users if place.id in one.folders]

    def _peers(self, place: CacheDir) -> list[User]:
        """Without those that the process was started from: they only hand on variables."""
        ancestors = self.incident.cache_dirs.ancestors
        return [
            one
            for one in self._of(place)
            if ProcessKey(one.stat.pid, one.stat.start_boottime_ns) not in ancestors
        ]

    def _in_job(self, user: User) -> bool:
        job = self.incident.job.cgroup
        return user.cgroup == job or (job != "/" and user.cgroup.startswith(f"{job}/"))


def sharing(incident: Incident, places: Sequence[CacheDir]) -> Sharing:
    """One look at all processes, for all of these folders."""
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    ids = [place.id for place in places]
    found = tuple(processes_using(ids, VARIABLES))
    mounted = frozenset(one.point for one in mounts())
    return Sharing(incident, found, _shared(incident.cache_dirs.user), mounted, boot_ns)


def _shared(user: int) -> frozenset[FileId]:
    """Folders that are nobody's own: well-known ones, and homes."""
    paths = {*_EVERYBODYS, os.environ.get("HOME", "/")}
    with contextlib.suppress(KeyError):  # a user of a container alone
        paths.add(pwd.getpwuid(user).pw_dir)
    return frozenset(one for path in paths if (one := file_id(Path(path))))
