"""The kernel side, running: what it found, what happened, and what it counts."""

import struct
from collections.abc import Callable, Iterable, Iterator

from ebpftrace.events import (
    CgroupRead,
    Event,
    FuseBlown,
    GroupReading,
    LossesRead,
    ProcessExited,
    ProcessKey,
    ProcessRead,
    ProcessStarted,
)
from ebpftrace.probe import calls, features
from ebpftrace.probe.checks import require_bpf
from ebpftrace.probe.fuses import KernelFuses
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.groups import Groups
from ebpftrace.probe.interface import FuseDefault
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.probe.loading.cache import cached_programs
from ebpftrace.probe.loading.layout import read_layout, require_tracepoints
from ebpftrace.probe.loading.programs import Programs, give_back_memory
from ebpftrace.probe.loading.settings import (
    MAX_PROCESSES,
    RING_BYTES,
    compiler_flags,
    fill_maps,
)
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.records import LOSSES, RecordDecoder
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.watermarks import Watermarks

_GENERATIONS = 32  # of descendants that have lower pids than their parents: rare, and bounded

_HANDLERS = {
    "rss_stat": "on_rss_stat",
    "sched_process_exec": "on_exec",
    "sched_process_fork": "on_fork",
    "sched_process_exit": "on_exit",
    "task_rename": "on_rename",
    "cgroup_attach_task": "on_attach",
    "cgroup_mkdir": "on_cgroup_mkdir",
    "cgroup_rmdir": "on_cgroup_rmdir",
    "mark_victim": "on_mark_victim",
    "mm_vmscan_direct_reclaim_begin": "on_reclaim_begin",
    "mm_vmscan_direct_reclaim_end": "on_reclaim_end",
    "mm_vmscan_memcg_reclaim_begin": "on_reclaim_begin",
    "mm_vmscan_memcg_reclaim_end": "on_reclaim_end",
}
"""Raw tracepoints, all of them required, and the program each runs."""

_TOLD_ONCE = frozenset(_HANDLERS.values()) - {"on_rss_stat"}
"""What these programs are told they are told once: a run that is missed is a loss.

A kernel that preempts tasks within a raw tracepoint (PREEMPT_LAZY; seen on 7.3) does not
run a program for the next task on that CPU while the first is in the middle of it.
"""


class KernelProbe:
    """Loads and attaches on construction; then `events()` whenever `fd` is readable.

    Raises the errors of `ebpftrace.errors` that say what this machine lacks. `cgroup_ids`
    are the memory cgroups of `selection.cgroups` with all below them. With `watermarks`
    there are marks and fuses; `fuse` is everybody's from the first page on, and `guard` is
    given the map of who was stopped before anybody can be. `ring_bytes`,
    `max_processes` and `many_cpus` exist so that tests can make the bounds small.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        cgroup_ids: Iterable[int] = (),
        mapping_calls: bool = False,
        watermarks: bool = False,
        fuse: FuseDefault | None = None,
        guard: Callable[[int], None] | None = None,
        means: calls.CallTraceMethod | None = None,
        self_pid: int = 0,
        ring_bytes: int = RING_BYTES,
        max_processes: int = MAX_PROCESSES,
        many_cpus: bool | None = None,
    ) -> None:
        require_bpf()
        btf = Btf.of_kernel()
        require_tracepoints(btf, tuple(_HANDLERS))
        layout = read_layout(btf, many_cpus=many_cpus)
        told_apart = mapping_calls or not layout.mmap_lock
        means = calls.choose(btf, means) if told_apart else None
        self._decoder = RecordDecoder(
            calls=means is not None,
            many_cpus=layout.many_cpus,
            watermarks=watermarks,
        )
        globs, glob_words = compile_globs(selection.comms) if selection.comms else (b"", 0)
        flags = compiler_flags(
            layout, self._decoder.sizes(), selection, glob_words=glob_words, means=means,
            watermarks=watermarks, ring_bytes=ring_bytes, max_processes=max_processes,
        )  # fmt: skip
        self._programs = Programs(cached_programs(flags))
        fill_maps(
            self._programs, cpu_offsets=layout.offsets, globs=globs, cgroup_ids=cgroup_ids,
            pids=selection.pids, self_pid=self_pid,
        )  # fmt: skip
        self._pending: list[Event] = []
        self.drift_bytes = 0  # what the last `read` corrected, summed
        self._processes = Processes(self._programs, self._decoder)
        self._groups = Groups(self._programs, self._decoder)
        self._marks = Watermarks(self._programs, self._decoder) if watermarks else None
        self.fuses: KernelFuses | None = None
        if watermarks:
            self.fuses = KernelFuses(self._programs, self._decoder, self._processes.mm_of)
            if guard is not None:
                guard(self.fuses.fd)
            if fuse is not None:
                self.fuses.arm_everybody(fuse)
        self.fd = self._programs.open_ring("records", self._received)
        for tracepoint, handler in _HANDLERS.items():
            self._programs.attach_raw(handler, tracepoint)
        if layout.mmap_lock:
            self._programs.attach_raw("on_mmap_lock_released", "mmap_lock_released")
        if means is not None:
            calls.attach(self._programs, btf, means)
        self.features = features.features(layout, means)
        self.remarks = features.remarks(layout, means)
        self._adopt(layout.iter_task_id, follow=selection.children)
        del btf
        give_back_memory()

    def events(self) -> list[Event]:
        """What happened since the last call, in the kernel's order."""
        self._programs.drain()
        events, self._pending = self._pending, []
        return events

    def read(self, now_ns: int) -> list[Event]:
        """Everything that is tracked, exact at this moment, after what happened before.

        A start or an exit whose record did not fit the ring is told here, late, from the
        map: processes are never lost, only their timing.
        """
        self._programs.drain()  # who started since is to be read as well
        self._processes.count()
        if self._marks is not None:
            self._marks.sum_up()
        there = self._processes.entries()
        if self._marks is not None:
            self._marks.compare(there.values())
        self.drift_bytes = sum(entry.drift_bytes for entry in there.values())
        if self.fuses is not None:
            self._pending += self.fuses.untold()
        missed = self._programs.missed_runs(_TOLD_ONCE)
        ended = self._processes.ended(there) if missed else set()
        events = self.events()
        for event in self._processes.repair(now_ns, there, ended):
            self._forget_stop(event)
            events.append(event)
        events += [
            ProcessRead(now_ns, entry.key, entry.counters)
            for entry in there.values()
            if entry.key in self._processes
        ]
        events += self._read_cgroups(now_ns)
        events.append(LossesRead(now_ns, self.losses()))
        return events

    def read_one_group(
        self, now_ns: int, cgroup_id: int, first: ProcessKey
    ) -> GroupReading | None:
        """One memory cgroup and its tracked processes, exact; None if none was tracked there.

        `first` is read in any case; of very many, the largest of the last reading besides.
        """
        return self._groups.with_processes(now_ns, cgroup_id, first, self._processes)

    def mark_process(self, key: ProcessKey, held_bytes: int) -> None:
        """Have `Breached` told once this process itself holds so much; 0: never."""
        mm = self._processes.mm_of(key)
        if self._marks is not None and mm is not None:
            self._marks.set_process(mm, held_bytes)

    def mark_group(self, cgroup_id: int, held_bytes: int) -> None:
        """The same for all tracked processes of a memory cgroup together."""
        if self._marks is not None:
            self._marks.set_group(cgroup_id, held_bytes)

    def drop(self, event: ProcessStarted) -> None:
        """Stop tracking a process that turned out not to be watched.

        Where it has become another program since, its start is not this one any more, and
        is judged by itself.
        """
        self._processes.drop(event)

    def losses(self) -> dict[str, int]:
        """What was missed so far, by cause; causes without a loss are left out."""
        fd = self._programs.map_fd("losses")
        counts = {"missed_runs": self._programs.missed_runs(_TOLD_ONCE)}
        for index, name in enumerate(LOSSES):
            value = bpf.lookup(fd, struct.pack("=I", index), 8)
            counts[name] = struct.unpack("=Q", value)[0] if value else 0
        return {name: count for name, count in counts.items() if count}

    def run_time_ns(self) -> int:
        """Nanoseconds the kernel programs ran; 0 where the kernel does not count."""
        return self._programs.run_time_ns()

    def close(self) -> None:
        """Detach everything. (Dying does, too.)"""
        self._programs.close()

    def _received(self, data: bytes) -> None:
        event, entry = self._decoder.record(data)
        told_already = (
            isinstance(event, FuseBlown)
            and self.fuses is not None
            and not self.fuses.news(event)
        )
        if told_already:
            return
        self._processes.told(event, entry)
        self._forget_stop(event)
        self._pending.append(event)

    def _forget_stop(self, event: Event) -> None:
        """Whoever has ended stands no more; another program of the same process may."""
        if self.fuses is not None and isinstance(event, ProcessExited) and not event.executed:
            self.fuses.forget(event.key)

    def _adopt(self, iterator: int, *, follow: bool) -> None:
        """Find who is running already; descendants too, in as many rounds as it takes."""
        for _round in range(_GENERATIONS if follow else 1):
            before = len(self._processes)
            self._programs.iterate("adopt", iterator)
            self._programs.drain()
            if len(self._processes) == before:
                return

    def _read_cgroups(self, now_ns: int) -> Iterator[Event]:
        for cgroup_id in self._processes.cgroup_ids:
            counters = self._groups.counters(cgroup_id)
            if counters is not None:
                yield CgroupRead(now_ns, cgroup_id, counters)
