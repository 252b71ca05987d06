"""Bounds at which the kernel stops or kills a growing process, in its own context.

Stopped processes are kept in a map until they are resumed or have ended, so that neither a
full ring nor the end of its reader loses one. A job can cause stops without end, by processes
that are killed and started anew: of those found in the map it has a share, and the others stay
stopped, and in the map, until a later reading has room for them.
"""

import contextlib
import struct
from collections.abc import Callable, Iterator

from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.job_shares import JobShares
from ebpftrace.probe.interface import AfterResumes, FuseDefault
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.structs import (
    FUSE_DEFAULT,
    PARTS_OF_LIMIT,
    PATH,
    StructDecoder,
    fuse_blown,
)
from ebpftrace.units import NS_PER_SECOND

MAX_STOPPED = 4096

_PATH_BYTES = PATH.size + 8  # with `missing`

_FOUND_MOST = 128
"""Stops that are found in the map within a second: each costs some milliseconds in all."""

_CODES = {FuseScope.PROCESS: 1, FuseScope.JOB: 2, FuseScope.CHARGE: 3}


class KernelFuses:
    """The fuses of one probe with watermarks; `fd` is the map of stopped processes."""

    def __init__(
        self,
        programs: Programs,
        structs: StructDecoder,
        mm_of: Callable[[ProcessKey], int | None],
    ) -> None:
        self._mm_of = mm_of
        self._arm_process = bpf.Runner(programs.load("arm_process"), 7)
        self._arm_group = bpf.Runner(programs.load("arm_group"), 4)
        self._clear_stop = bpf.Runner(programs.load("clear_stop"), 2)
        self._forget_stopped = bpf.Runner(programs.load("forget_stopped"))
        self.fd = programs.map_fd("stopped")
        self._size = structs.sizes()["stop"]
        self._stopped = bpf.Batch(self.fd, 4, self._size)
        self._paths = programs.map_fd("stopped_paths")
        self._found = JobShares(_FOUND_MOST, NS_PER_SECOND)
        self._groups = programs.map_fd("cgroups")
        self._group_size = structs.sizes()["cgroup_counters"]
        self._unset: dict[int, tuple[int, int, int]] = {}  # by cgroup: there was no entry
        self._reported: set[tuple[ProcessKey, bool]] = set()  # and whether it was killed
        self._defaults = programs.map_fd("fuse_defaults")

    def set_default(self, fuse: FuseDefault) -> None:
        """The bound of every process and cgroup that is tracked from here on."""
        bpf.update(self._defaults, bytes(4), _packed(fuse))

    def arm_process(
        self,
        key: ProcessKey,
        own_bytes: int,
        charge_bytes: int,
        signal: int,
        least_bytes: int = 0,
        resumed: AfterResumes = AfterResumes.KILL_NEAR_LIMIT,
    ) -> None:
        """Signal the process at its next page beyond either bound; 0: no such bound.

        No fuse signals it, nor that of its cgroup, while it holds less than `least_bytes`.
        """
        mm = self._mm_of(key)
        if mm is not None:
            bounds = whole_pages(own_bytes), whole_pages(charge_bytes)
            spared = whole_pages(least_bytes)
            self._arm_process(mm, key.start_boottime_ns, *bounds, signal, spared, resumed)

    def arm_group(
        self, cgroup_id: int, held_bytes: int, signal: int, least_bytes: int = 0
    ) -> None:
        """Signal each tracked process that grows while their sum is beyond; 0: no bound."""
        bounds = whole_pages(held_bytes), signal, whole_pages(least_bytes)
        self._arm_group(cgroup_id, *bounds)
        if held_bytes and self._is_missing(cgroup_id):
            self._unset[cgroup_id] = bounds
        else:
            self._unset.pop(cgroup_id, None)

    def retry_groups(self) -> None:
        """Set the bounds of cgroups that had no entry, since their table was full."""
        for cgroup_id, bounds in list(self._unset.items()):
            if not self._is_missing(cgroup_id):
                self._arm_group(cgroup_id, *bounds)
                del self._unset[cgroup_id]

    def _is_missing(self, cgroup_id: int) -> bool:
        key = struct.pack("=Q", cgroup_id)
        return bpf.lookup(self._groups, key, self._group_size) is None

    def clear_stop(self, key: ProcessKey) -> None:
        """Remove the process from the stopped ones. The caller sends SIGCONT."""
        mm = self._mm_of(key)
        if mm is not None:
            self._clear_stop(mm, key.start_boottime_ns)
        self.forget(key)

    def accept(self, event: FuseBlown) -> bool:
        """Whether this stop is to be reported; a second thread may have done so.

        Sends the signal that the kernel side cannot send, since the write of another process
        crossed the bound. Where that fails, it is tried again at the next reading.
        """
        if self._is_reported(event):
            return False
        if event.filled and not self._send(event):
            return False
        self._reported.add((event.key, event.killed))
        return True

    def forget(self, key: ProcessKey) -> None:
        """The process is resumed, or has ended."""
        self._reported -= {(key, False), (key, True)}
        if self._stop_of(key) is not None:
            bpf.delete(self.fd, struct.pack("=I", key.pid))
            self._forget_stopped(key.pid)

    def unreported(self, now_ns: int) -> Iterator[FuseBlown]:
        """Stops whose record had no room in the ring, as many as their jobs' shares allow.

        Only of processes that are stopped already: a signal that is to be sent does not wait,
        nor does a kill, whose entry takes room until it is reported. `now_ns` is
        CLOCK_MONOTONIC.
        """
        for data in self._stopped.values():
            event = fuse_blown(data)
            if self._is_reported(event):
                continue
            waits = not (event.killed or event.filled)
            if waits and not self._found.take(self._path_of(event), now_ns):
                continue
            if self.accept(event):
                yield event

    def _is_reported(self, event: FuseBlown) -> bool:
        """A kill may be found in the map before the record of the stop is read."""
        return not self._reported.isdisjoint(((event.key, event.killed), (event.key, True)))

    def _path_of(self, event: FuseBlown) -> list[int]:
        """The cgroups of a stopped process, from below the root down."""
        data = bpf.lookup(self._paths, struct.pack("=I", event.key.pid), _PATH_BYTES)
        ids = PATH.unpack_from(data) if data is not None else (0, event.cgroup_id)
        return [cgroup_id for cgroup_id in ids[1:] if cgroup_id]

    def _stop_of(self, key: ProcessKey) -> FuseBlown | None:
        """What the map has of a process."""
        data = bpf.lookup(self.fd, struct.pack("=I", key.pid), self._size)
        event = None if data is None else fuse_blown(data)
        return event if event is not None and event.key == key else None

    def _send(self, event: FuseBlown) -> bool:
        """Whether the process has the signal; not if it was resumed meanwhile, or has ended.

        While it is in the map the watchdog would resume it.
        """
        known = self._stop_of(event.key)
        if known is None or not known.filled:  # the kernel has sent it at a page of its own
            return known is not None
        from ebpftrace.probe import watchdog  # a watch without a fuse needs none of it

        with contextlib.suppress(OSError):
            watchdog.send(event.key.pid, event.key.start_boottime_ns, event.signal)
            return True
        return False


def _packed(default: FuseDefault) -> bytes:
    pages = 0 if default.share else whole_pages(int(default.bound))
    parts = round(default.bound * PARTS_OF_LIMIT) if default.share else 0
    return FUSE_DEFAULT.pack(
        pages, parts, _CODES[default.scope], default.signal, default.resumed
    )
