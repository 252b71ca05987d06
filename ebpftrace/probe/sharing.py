"""Processes that share all memory of another: clone(CLONE_VM), or vfork for a moment.

And those that have a copy of it: see `Inheritance`.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from itertools import count, islice
from typing import NamedTuple

from ebpftrace.events import ProcessKey
from ebpftrace.probe.interface import Heir
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.structs import SHARER, SIGNALLED
from ebpftrace.units import PAGE_SIZE

_SOUGHT = 256  # as in bpf/sharing.c
_NUMBERS = 1024  # as in bpf/signalled.h
_NUMBERED = struct.Struct("=3Q")  # struct numbered: number, forks, ends


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
        mms = [mm for key in keys if (mm := self._processes.mm_of(key)) is not None]
        return [key for key in self.sharers_of_memory(mms) if key not in keys]

    def sharers_of_memory(self, mms: Iterable[int]) -> list[ProcessKey]:
        """All processes that have one of these mms: a look at all tasks for each 256."""
        wanted, left, found = self._programs.map_fd("sought"), iter(mms), bytearray()
        while sought := [struct.pack("=Q", mm) for mm in islice(left, _SOUGHT)]:
            for mm in sought:
                bpf.update(wanted, mm, b"\1")
            self._programs.iterate("find_sharers", self._iterator, found.extend)
            for mm in sought:
                bpf.delete(wanted, mm)
        # Several threads of a process whose main thread has ended are one sharer.
        keys = (ProcessKey(pid, start) for start, pid in SHARER.iter_unpack(found))
        return list(dict.fromkeys(keys))


class _Signalled(NamedTuple):
    number: int
    mm: int
    start_boottime_ns: int
    held_pages: int
    shared_pages: int
    pid: int  # 0: its process has ended, others still share the memory


class Inheritance:
    """The kernel side marks what is signalled, and each fork has the mark of its memory.

    So nothing depends on records, which may come late, nor on parents, which may have ended.
    `element_iterator` is the BTF id of the iterator over a map.
    """

    def __init__(
        self, programs: Programs, processes: Processes, sharing: Sharing, element_iterator: int
    ) -> None:
        self._processes = processes
        self._sharing = sharing
        self._mark = bpf.Runner(programs.load("mark_signalled"), 3)
        self._end = bpf.Runner(programs.load("end_signalled"))
        self._numbered = programs.map_fd("numbered")
        self._find = programs.elements("find_signalled", "processes", element_iterator)
        self._numbers = count(1)

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        """These are about to be signalled. The number by which `heirs` knows them."""
        number = number or next(self._numbers)
        for key in keys:
            mm = self._processes.mm_of(key)
            if mm is not None:
                self._mark(mm, key.start_boottime_ns, number)
        return number

    def heirs(self, number: int) -> list[Heir]:
        """Those with this number, the signalled ones included.

        They share the memory, or were forked with a copy and have executed nothing since.
        """
        return list(self._heirs(number))

    def forks(self, number: int) -> int:
        """How many processes were forked with this number since it was first expected."""
        slot = struct.pack("=I", number % _NUMBERS)
        value = bpf.lookup(self._numbered, slot, _NUMBERED.size)
        known, forks, _ends = _NUMBERED.unpack(value) if value else (0, 0, 0)
        return int(forks) if known == number else 0

    def end(self, number: int) -> None:
        """Let the kernel side kill what has this number, and what that forks."""
        self._end(number)

    def _heirs(self, number: int) -> Iterator[Heir]:
        left, left_bytes, most_bytes = [], 0, 0
        for one in map(_Signalled._make, SIGNALLED.iter_unpack(self._find())):
            if one.number != number:
                continue
            held_bytes = one.held_pages * PAGE_SIZE
            shared_bytes = one.shared_pages * PAGE_SIZE
            if one.pid:
                yield Heir(ProcessKey(one.pid, one.start_boottime_ns), held_bytes, shared_bytes)
            else:
                left.append(one.mm)
                left_bytes += held_bytes
                most_bytes = max(most_bytes, shared_bytes)
        # Together: each look is one at all tasks, and there may be a thousand memories.
        for key in self._sharing.sharers_of_memory(left):
            yield Heir(key, left_bytes, most_bytes)
            left_bytes = 0  # that of the others is in the first one's
