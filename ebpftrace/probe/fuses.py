"""Bounds at which the kernel side stops or kills whoever grows past them, in its own context.

Who was stopped stands in a map that outlives both a full ring and whoever reads it, until
it is let go or has ended.
"""

import struct
from collections.abc import Callable, Iterator

from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.probe.interface import FuseDefault
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import whole_pages
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.structs import FUSE_DEFAULT, PARTS_OF_LIMIT, StructDecoder, fuse_blown

MAX_STOPPED = 4096

_CODES = {FuseScope.PROCESS: 1, FuseScope.JOB: 2, FuseScope.CHARGE: 3}


class KernelFuses:
    """The fuses of one probe that was made with `watermarks=True`."""

    def __init__(
        self,
        programs: Programs,
        structs: StructDecoder,
        mm_of: Callable[[ProcessKey], int | None],
    ) -> None:
        self._mm_of = mm_of
        self._arm_process = bpf.Runner(programs.load("arm_process"), 4)
        self._arm_group = bpf.Runner(programs.load("arm_group"), 3)
        self._clear_stop = bpf.Runner(programs.load("let_go"))
        self.fd = programs.map_fd("stopped")
        self._size = structs.sizes()["stop"]
        self._stopped = bpf.Batch(self.fd, 4, self._size)
        self._told: set[ProcessKey] = set()
        self._defaults = programs.map_fd("fuse_defaults")

    def arm_everybody(self, fuse: FuseDefault) -> None:
        """Each process and each cgroup that is tracked from here on has this bound."""
        bpf.update(self._defaults, bytes(4), _packed(fuse))

    def arm_process(
        self, key: ProcessKey, own_bytes: int, charge_bytes: int, signal: int
    ) -> None:
        """Signal it at the next page that it takes beyond either bound; 0: no such bound."""
        mm = self._mm_of(key)
        if mm is not None:
            self._arm_process(mm, whole_pages(own_bytes), whole_pages(charge_bytes), signal)

    def arm_group(self, cgroup_id: int, held_bytes: int, signal: int) -> None:
        """Signal each tracked process that grows while their sum is beyond; 0: no bound."""
        self._arm_group(cgroup_id, whole_pages(held_bytes), signal)

    def clear_stop(self, key: ProcessKey) -> None:
        """Remove the process from the stopped ones. The caller sends SIGCONT."""
        mm = self._mm_of(key)
        if mm is not None:
            self._clear_stop(mm)
        self.forget(key)

    def news(self, event: FuseBlown) -> bool:
        """Whether this stop was not told before. A second thread may have told it too."""
        if event.key in self._told:
            return False
        self._told.add(event.key)
        return True

    def forget(self, key: ProcessKey) -> None:
        """It goes on, or has ended."""
        self._told.discard(key)
        pid = struct.pack("=I", key.pid)
        data = bpf.lookup(self.fd, pid, self._size)
        if data is not None and fuse_blown(data).key == key:
            bpf.delete(self.fd, pid)

    def untold(self) -> Iterator[FuseBlown]:
        """Stops whose record did not fit the ring."""
        for data in self._stopped.values():
            event = fuse_blown(data)
            if self.news(event):
                yield event


def _packed(default: FuseDefault) -> bytes:
    pages = 0 if default.share else whole_pages(int(default.bound))
    parts = round(default.bound * PARTS_OF_LIMIT) if default.share else 0
    return FUSE_DEFAULT.pack(pages, parts, _CODES[default.scope], default.signal, 0)
