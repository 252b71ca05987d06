"""Reports memory pressure as it happens: PSI triggers of cgroup v2."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from ebpftrace.events import CgroupPressed
from ebpftrace.host.pressure import open_trigger, read_pressure

MOST = 64
"""Triggers at a time: the kernel may keep a thread for each. The other cgroups' pressure
is read with each snapshot all the same."""


class PressureListener:
    """Triggers on memory cgroups, in the waiter's epoll.

    `register` adds a descriptor to that epoll. A cgroup whose trigger the kernel refused is
    not tried again until it was left out of `follow` once.
    """

    def __init__(self, register: Callable[[int], None]) -> None:
        self._register = register
        self._triggers: dict[int, tuple[int, Path]] = {}  # by cgroup: descriptor, folder
        self._refused: set[int] = set()

    def follow(self, cgroups: Iterable[tuple[int, Path | None]]) -> None:
        """Listen to these cgroups (id and folder, if it has one) and to no others."""
        known = {cgroup_id: folder for cgroup_id, folder in cgroups if folder is not None}
        wanted = dict(islice(known.items(), MOST))
        for cgroup_id in self._triggers.keys() - wanted.keys():
            self._drop(cgroup_id)
        self._refused &= wanted.keys()
        for cgroup_id, folder in wanted.items():
            if cgroup_id not in self._triggers and cgroup_id not in self._refused:
                self._open(cgroup_id, folder)

    def pressed(self, fds: set[int]) -> Iterator[CgroupPressed]:
        """The pressure of the cgroups whose triggers fired."""
        for cgroup_id, (fd, folder) in list(self._triggers.items()):
            if fd not in fds:
                continue
            pressure = read_pressure(folder) if _inode(folder) == cgroup_id else None
            if pressure is None:
                # Removed: its trigger stays ready for ever, and a service that was started
                # again has another cgroup under the same path.
                self._drop(cgroup_id)
            else:
                yield CgroupPressed(pressure.time_ns, cgroup_id, pressure)

    def close(self) -> None:
        """Remove all triggers."""
        self.follow(())

    def _open(self, cgroup_id: int, folder: Path) -> None:
        try:
            fd = open_trigger(folder)
        except OSError:
            self._refused.add(cgroup_id)
            return
        self._triggers[cgroup_id] = fd, folder
        self._register(fd)

    def _drop(self, cgroup_id: int) -> None:
        fd, _folder = self._triggers.pop(cgroup_id)
        os.close(fd)  # which removes it from the epoll as well
        self._refused.add(cgroup_id)


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except OSError:
        return 0
