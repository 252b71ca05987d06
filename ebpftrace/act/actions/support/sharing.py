"""Which living processes use an ended process's folders, and what was its own alone."""

import contextlib
import os
import pwd
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.cache_dirs import CACHE_VARIABLES, CacheDir
from ebpftrace.events import ProcessKey
from ebpftrace.host.mounts import mounts
from ebpftrace.host.using import MOST_PARTS, FileId, FolderUser, file_id, processes_using

_SHARED_PATHS = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root")
_TICK_NS = 10_000_000  # the resolution of start times and of file times


@dataclass(frozen=True, slots=True)
class FolderSharing:
    """The living processes that use any of the folders. Moments are Unix time in ns."""

    incident: Incident
    users: tuple[FolderUser, ...]
    shared: frozenset[FileId]
    mount_points: frozenset[str]  # as text: a look at one may wait for its server
    boot_ns: int

    def reason_to_skip(self, folder: CacheDir) -> str:
        """Why this folder must not be touched; "" if it may be."""
        if folder.id in self.shared:
            return "it is a shared folder of the system"
        if folder.path.count("/") >= MOST_PARTS:
            return f"its path has {MOST_PARTS} parts or more"
        if folder.path.rstrip("/") in self.mount_points:
            return "it is a mount point"
        for user in self._users_of(folder):
            if not self._in_job(user):
                return f"{user.stat.comm} {user.stat.pid} of another job uses it"
        for peer in self._peers(folder):
            used = f"{peer.stat.comm} {peer.stat.pid} uses it"
            if folder.variable != "TMPDIR":
                return used
            if peer.stat.start_boottime_ns <= self._target_start_ns:
                return used  # its files cannot be told from those of the target
        return ""

    def keeps(self, folder: CacheDir, status: os.stat_result) -> bool:
        """Whether an entry may belong to a living process.

        Without users, everything was left behind. Else the ended process's own files are
        those written while it lived, before a successor started, that no process has open.
        """
        users = self._users_of(folder)
        if not users:
            return False
        if any((status.st_dev, status.st_ino) in user.folders[folder.id] for user in users):
            return True
        if status.st_ctime_ns < self.boot_ns + self._target_start_ns - _TICK_NS:
            return True
        starts = [peer.stat.start_boottime_ns for peer in self._peers(folder)]
        latest = max(status.st_ctime_ns, status.st_mtime_ns)
        return bool(starts) and latest >= self.boot_ns + min(starts) - _TICK_NS

    def remark(self, folder: CacheDir) -> str:
        """Which processes' files may have been kept; "" without users."""
        names = [f"{user.stat.comm} {user.stat.pid}" for user in self._users_of(folder)]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{names[0]}{more} of the job uses it too" if names else ""

    @property
    def _target_start_ns(self) -> int:
        return min(target.key.start_boottime_ns for target in self.incident.targets)

    def _users_of(self, folder: CacheDir) -> list[FolderUser]:
        return [user for user in self.users if folder.id in user.folders]

    def _peers(self, folder: CacheDir) -> list[FolderUser]:
        """The users but the target's ancestors, which only pass the variables on."""
        ancestors = self.incident.cache_dirs.ancestors
        return [
            user
            for user in self._users_of(folder)
            if ProcessKey(user.stat.pid, user.stat.start_boottime_ns) not in ancestors
        ]

    def _in_job(self, user: FolderUser) -> bool:
        job = self.incident.job.cgroup
        return user.cgroup == job or (job != "/" and user.cgroup.startswith(f"{job}/"))


def find_users(incident: Incident, folders: Sequence[CacheDir]) -> FolderSharing:
    """Look once through all processes, for all of these folders."""
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    ids = [folder.id for folder in folders]
    users = tuple(processes_using(ids, CACHE_VARIABLES))
    mount_points = frozenset(mount.point for mount in mounts())
    shared = _shared_folders(incident.cache_dirs.user)
    return FolderSharing(incident, users, shared, mount_points, boot_ns)


def _shared_folders(user: int) -> frozenset[FileId]:
    """Folders that no job owns: well-known ones, and home directories."""
    paths = {*_SHARED_PATHS, os.environ.get("HOME", "/")}
    with contextlib.suppress(KeyError):  # a user that only a container knows
        paths.add(pwd.getpwuid(user).pw_dir)
    return frozenset(folder for path in paths if (folder := file_id(path)))
