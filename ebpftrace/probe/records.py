"""The structs of bpf/types.h in Python, and the events they become.

The sizes go to the compiler, which compares them with C's: the two cannot drift apart.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ebpftrace.counters import CallCount, CgroupCounters, CgroupEvents, ProcessCounters, Usage
from ebpftrace.events import (
    Breached,
    CgroupGone,
    CgroupMade,
    Event,
    FuseBlown,
    FuseOf,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
    StartCause,
)
from ebpftrace.probe.loading.layout import PAGE_SIZE
from ebpftrace.text import clean

LOSSES = (
    "ring_start", "ring_exit", "ring_other", "processes_full", "lineage_full", "cgroups_full",
    "reclaim_full", "calls_full", "stopped_full", "fuse_unsent",
)  # fmt: skip
"""enum loss, in its order: names of what was missed."""

_CALLS = ("other", "mmap", "munmap", "brk", "mremap")
_STARTS = {
    1: StartCause.EXEC,
    2: StartCause.FORK,
    3: StartCause.RENAME,
    4: StartCause.FOUND,
    5: StartCause.MOVED,
}
_START, _EXIT, _RENAME, _MOVE, _OOM, _MADE, _GONE, _BREACHED, _STOPPED = range(1, 10)
_NO_LIMIT = _NOT_COUNTED = (1 << 64) - 1
_ARGS, _PATH = 256, 256

FUSE_DEFAULT = struct.Struct("=qIIII")  # struct fuse_default: pages, parts, of, signal, unused
PARTS_OF_LIMIT = 10_000

_HEADER = struct.Struct("=IIQ")
_HOW = struct.Struct("=44xI")
_RENAMED = struct.Struct("=QII16s")
_MOVED = struct.Struct("=QQII")
_BREACH = struct.Struct("=QQqqII")
_STOP = struct.Struct("=3Q3qQ4I")
_FUSES = {1: FuseOf.PROCESS, 2: FuseOf.JOB, 3: FuseOf.CHARGE}
_OOM_HEAD, _OOM_TAIL = struct.Struct("=QQ4q"), struct.Struct("=II16s")


class TrackedEntry(NamedTuple):
    """What the map says of one process, beyond its counters."""

    mm: int
    key: ProcessKey
    parent_pid: int
    how: StartCause
    comm: str
    cgroup_id: int
    counters: ProcessCounters
    drift_bytes: int
    counted_pages: int  # of its cgroup's sum of held pages


class RecordDecoder:
    """Bytes from the kernel into events. `calls` and `many_cpus` are what C was told."""

    def __init__(self, *, calls: bool, many_cpus: bool, watermarks: bool = False) -> None:
        self._calls = calls
        self._watermarks = watermarks
        self._cgroup = struct.Struct("=14Q2qQqQ" if watermarks else "=14Q")
        self._base_words = (7 if watermarks else 0) + (4 if many_cpus else 0)
        words = self._base_words + (15 if calls else 0)
        self._process = struct.Struct(f"=4Q4I16s9q12Q{words}Q")

    def sizes(self) -> dict[str, int]:
        """Bytes of each struct, by C name."""
        head, process = _HEADER.size, self._process.size
        return {
            "process": process,
            "cgroup_counters": self._cgroup.size,
            "start_record": head + process + 8 + _ARGS + _PATH,
            "exit_record": head + process + 8,
            "rename_record": head + _RENAMED.size,
            "move_record": head + _MOVED.size,
            "oom_record": head + _OOM_HEAD.size + self._cgroup.size + _OOM_TAIL.size,
            "breach_record": head + _BREACH.size,
            "stop_record": head + _STOP.size,
            "stop": _STOP.size,
            "fuse_default": FUSE_DEFAULT.size,
            "cgroup_record": head + 8 + self._cgroup.size + _PATH,
        }

    def entry(self, data: bytes) -> TrackedEntry | None:
        """A `struct process` of the map; None: it is just being made, and will be told of."""
        (how,) = _HOW.unpack_from(data)
        return self.process(data) if how else None

    def process(self, data: bytes, offset: int = 0) -> TrackedEntry:
        """A `struct process` that is complete."""
        (mm, start, _memcg, memcg_id, tgid, parent, forked, how, comm, *rest) = (
            self._process.unpack_from(data, offset)
        )
        pages, inherited, peak = rest[0:4], rest[4:8], rest[8]
        (drift, _charge, total_vm, stack_vm, start_brk, brk, mapped, unmapped, changes, moves,
         stalled, stalls) = rest[9:21]  # fmt: skip
        return TrackedEntry(
            mm=mm,
            key=ProcessKey(tgid, start),
            parent_pid=parent,
            how=_STARTS[how],
            comm=_comm(comm),
            cgroup_id=memcg_id,
            drift_bytes=drift * PAGE_SIZE,
            counted_pages=rest[22] if self._watermarks else 0,
            counters=ProcessCounters(
                usage=_usage(pages),
                inherited=_usage(inherited) if forked else _NOTHING,
                peak_bytes=peak * PAGE_SIZE,
                virtual_bytes=total_vm * PAGE_SIZE,
                mapped_bytes=mapped * PAGE_SIZE,
                unmapped_bytes=unmapped * PAGE_SIZE,
                mapping_changes=changes,
                brk_bytes=brk - start_brk,
                brk_moves=moves,
                stack_bytes=stack_vm * PAGE_SIZE,
                stalled_ns=stalled,
                stalls=stalls,
                calls=dict(_call_counts(rest[21 + self._base_words :]))
                if self._calls
                else None,
            ),
        )

    def cgroup(self, data: bytes, offset: int = 0) -> CgroupCounters:
        """A `struct cgroup_counters`."""
        (_memcg, charge, peak, limit, headroom, high, hits, kills, lows, highs, ooms,
         group_kills, stalled, stalls, *_marks) = (
            self._cgroup.unpack_from(data, offset)
        )  # fmt: skip
        events = None
        if lows != _NOT_COUNTED:
            events = CgroupEvents(
                low=lows,
                high=highs,
                max=hits,
                oom=ooms,
                oom_kill=kills,
                oom_group_kill=None if group_kills == _NOT_COUNTED else group_kills,
            )
        return CgroupCounters(
            charge_bytes=charge * PAGE_SIZE,
            peak_charge_bytes=peak * PAGE_SIZE,
            limit_bytes=None if limit == _NO_LIMIT else limit * PAGE_SIZE,
            headroom_bytes=None if headroom == _NO_LIMIT else headroom * PAGE_SIZE,
            high_bytes=None if high == _NO_LIMIT else high * PAGE_SIZE,
            limit_hits=hits,
            oom_kills=kills,
            stalled_ns=stalled,
            stalls=stalls,
            events=events,
        )

    def held_pages(self, data: bytes) -> int:
        """The sum of held pages in a `struct cgroup_counters`; 0 without watermarks."""
        return int(self._cgroup.unpack_from(data)[14]) if self._watermarks else 0

    def record(self, data: bytes) -> tuple[Event, TrackedEntry | None]:
        """A ring-buffer record as an event; for a start and an exit also the map's entry."""
        kind, _size, time_ns = _HEADER.unpack_from(data)
        at = _HEADER.size
        if kind == _START:
            return self._started(time_ns, data, at)
        if kind == _EXIT:
            process = self.process(data, at)
            status, executed = struct.unpack_from("=II", data, at + self._process.size)
            event = ProcessExited(
                time_ns, process.key, process.comm, status >> 8 & 0xFF, status & 0x7F,
                process.counters, bool(executed),
            )  # fmt: skip
            return event, process
        if kind == _RENAME:
            start, tgid, _unused, comm = _RENAMED.unpack_from(data, at)
            return ProcessRenamed(time_ns, ProcessKey(tgid, start), _comm(comm)), None
        if kind == _MOVE:
            start, memcg_id, tgid, _unused = _MOVED.unpack_from(data, at)
            return ProcessMoved(time_ns, ProcessKey(tgid, start), memcg_id), None
        if kind == _OOM:
            start, memcg_id, *pages = _OOM_HEAD.unpack_from(data, at)
            counters = self.cgroup(data, at + _OOM_HEAD.size)
            tgid, tracked, comm = _OOM_TAIL.unpack_from(
                data, at + _OOM_HEAD.size + self._cgroup.size
            )
            return OomKilled(
                time_ns, ProcessKey(tgid, start), _comm(comm), memcg_id, _usage(pages),
                bool(tracked), counters,
            ), None  # fmt: skip
        if kind == _BREACHED:
            start, memcg_id, held, mark, tgid, group = _BREACH.unpack_from(data, at)
            return Breached(
                time_ns, ProcessKey(tgid, start), memcg_id, held * PAGE_SIZE,
                mark * PAGE_SIZE, bool(group),
            ), None  # fmt: skip
        if kind == _STOPPED:
            return fuse_blown(data, at), None
        (memcg_id,) = struct.unpack_from("=Q", data, at)
        path = clean(_until_nul(data[at + 8 + self._cgroup.size :][:_PATH]), 4096)
        if kind == _MADE:
            return CgroupMade(time_ns, memcg_id, path), None
        assert kind == _GONE, kind
        return CgroupGone(time_ns, memcg_id, path, self.cgroup(data, at + 8)), None

    def _started(
        self, time_ns: int, data: bytes, at: int
    ) -> tuple[ProcessStarted, TrackedEntry]:
        process = self.process(data, at)
        at += self._process.size
        (args_len, _unused) = struct.unpack_from("=II", data, at)
        args = data[at + 8 :][:args_len]
        program = _until_nul(data[at + 8 + _ARGS :][:_PATH])
        return ProcessStarted(
            time_ns=time_ns,
            key=process.key,
            parent_pid=process.parent_pid,
            how=process.how,
            comm=process.comm,
            cgroup_id=process.cgroup_id,
            program=clean(program, 4096),
            args=split_args(args, cut=args_len >= _ARGS - 1),
            counters=process.counters,
        ), process


def split_args(raw: bytes, *, cut: bool = False) -> tuple[str, ...]:
    """Arguments as the kernel keeps them, each ended by NUL, cleaned; `cut` adds `…`."""
    if not raw:
        return ()
    args = tuple(clean(arg) for arg in raw.rstrip(b"\0").split(b"\0"))
    return (*args[:-1], args[-1] + "…") if cut else args


def fuse_blown(data: bytes, offset: int = 0) -> FuseBlown:
    """A `struct stop`."""
    start, memcg_id, time_ns, held, measured, bound, charge, tgid, of, signal, _unused = (
        _STOP.unpack_from(data, offset)
    )
    return FuseBlown(
        time_ns, ProcessKey(tgid, start), memcg_id, _FUSES[of], held * PAGE_SIZE,
        measured * PAGE_SIZE, bound * PAGE_SIZE, charge * PAGE_SIZE, signal,
    )  # fmt: skip


_NOTHING = Usage()


def _usage(pages: "list[int] | tuple[int, ...]") -> Usage:
    file, anon, swap, shmem = pages
    return Usage(
        anon_bytes=anon * PAGE_SIZE,
        file_bytes=file * PAGE_SIZE,
        shmem_bytes=shmem * PAGE_SIZE,
        swap_bytes=swap * PAGE_SIZE,
    )


def _call_counts(words: list[int]) -> Iterator[tuple[str, CallCount]]:
    for index, kind in enumerate(_CALLS):
        yield kind, CallCount(*words[3 * index : 3 * index + 3])


def _until_nul(data: bytes) -> bytes:
    return data.split(b"\0", 1)[0]


def _comm(raw: bytes) -> str:
    return clean(_until_nul(raw), 64)
