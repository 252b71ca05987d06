"""Processes that share all memory of another: clone(CLONE_VM), or vfork for a moment."""

import struct
from collections.abc import Collection
from itertools import islice

from ebpftrace.events import ProcessKey
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.processes import Processes

_SOUGHT = 256  # as in bpf/sharing.c


class Sharing:
    """Finds them with a look at all tasks; `iterator` is the BTF id of the task iterator."""

    def __init__(self, programs: Programs, processes: Processes, iterator: int) -> None:
        self._programs = programs
        self._processes = processes
        self._iterator = iterator
        self._take_over = bpf.Runner(programs.load("take_over"))

    def hand_over(self) -> None:
        """Track the memory of ended processes under one of those that still share it.

        Its start is reported as any other.
        """
        left = self._processes.left
        if left:
            self._programs.iterate("find_heirs", self._iterator)
            for mm in left:
                self._take_over(mm)
            self._processes.remove_left(left)

    def sharers(self, keys: Collection[ProcessKey]) -> list[ProcessKey]:
        """The processes that share the memory of these, without these."""
        mms = (self._processes.mm_of(key) for key in keys)
        sought = [struct.pack("=Q", mm) for mm in islice(mms, _SOUGHT) if mm is not None]
        if not sought:
            return []
        wanted, found = (self._programs.map_fd(name) for name in ("sought", "sharers"))
        for mm in sought:
            bpf.update(wanted, mm, b"\1")
        self._programs.iterate("find_sharers", self._iterator)
        for mm in sought:
            bpf.delete(wanted, mm)
        sharers = []
        for pid, start in list(bpf.Batch(found, 4, 8).items()):
            bpf.delete(found, pid)
            sharers.append(ProcessKey(*struct.unpack("=IQ", pid + start)))
        return [key for key in sharers if key not in keys]
