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
    ProcessMoved,
    ProcessRead,
    ProcessStarted,
)
from ebpftrace.probe import bpf, calls
from ebpftrace.probe.btf import Btf
from ebpftrace.probe.cache import cached_programs
from ebpftrace.probe.checks import require_bpf
from ebpftrace.probe.fuses import MAX_STOPPED, FuseDefault, Fuses
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.layout import PAGE_SIZE, Layout, read_layout, require_tracepoints
from ebpftrace.probe.programs import Programs, give_back_memory
from ebpftrace.probe.records import LOSSES, Decoder, Tracked
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.watermarks import Watermarks

MAX_PROCESSES = 8192
MAX_CGROUPS = 4096
RING_BYTES = 1 << 22
_READ_AT_ONCE = 64  # of so many processes a breach waits for the exact figures
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


class Probe:
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
        means: calls.Means | None = None,
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
        self._means = calls.choose(btf, means) if told_apart else None
        self._decoder = Decoder(
            calls=self._means is not None,
            many_cpus=layout.many_cpus,
            watermarks=watermarks,
        )
        table, words = compile_globs(selection.comms) if selection.comms else (b"", 0)
        flags = [
            *layout.flags,
            *(f"-DSIZE_{name}={size}" for name, size in self._decoder.sizes().items()),
            f"-DMAX_PROCESSES={max_processes}",
            f"-DMAX_CGROUPS={MAX_CGROUPS}",
            f"-DMAX_STOPPED={MAX_STOPPED}",
            f"-DRING_PAGES={ring_bytes // 4096}",
        ]
        if words:
            flags += ("-DSELECT_COMM", f"-DGLOB_WORDS={words}")
        if selection.cgroups:
            flags.append("-DSELECT_CGROUP")
        if selection.pids:
            flags.append("-DSELECT_PID")
        if selection.children:
            flags.append("-DFOLLOW_CHILDREN")
        if self._means is not None:
            flags.append(f"-DMAPPING_CALLS={self._means:d}")
        if watermarks:
            flags.append("-DWATERMARKS")
        self._programs = Programs(cached_programs(tuple(flags)))
        self._fill_maps(layout.offsets, table, cgroup_ids, selection.pids, self_pid)
        self._pending: list[Event] = []
        self._known: dict[ProcessKey, Tracked] = {}
        self._since: dict[ProcessKey, int] = {}  # when each of them started, as told
        self.drift_bytes = 0  # what the last `read` corrected, summed
        self._marks = Watermarks(self._programs, self._decoder) if watermarks else None
        self.fuses = Fuses(self._programs, self._decoder, self._mm_of) if watermarks else None
        if self.fuses is not None and guard is not None:
            guard(self.fuses.fd)
        if self.fuses is not None and fuse is not None:
            self.fuses.arm_everybody(fuse)
        self._read_process = bpf.Runner(self._programs.load("read_process"))
        self._read_group = bpf.Runner(self._programs.load("read_group"))
        self._map = self._programs.map_fd("processes")
        self._processes = bpf.Batch(self._map, 8, self._decoder.sizes()["process"])
        self.fd = self._programs.open_ring("records", self._received)
        for tracepoint, handler in _HANDLERS.items():
            self._programs.attach_raw(handler, tracepoint)
        if layout.mmap_lock:
            self._programs.attach_raw("on_mmap_lock_released", "mmap_lock_released")
        if self._means is not None:
            calls.attach(self._programs, btf, self._means)
        self.features = self._describe(layout)
        self.remarks = self._remarks(layout)
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
        for known in list(self._known.values()):
            self._read_process(known.mm)
        if self._marks is not None:
            self._marks.sum_up()
        there = {(entry := self._decoder.process(data)).key: entry
                 for data in self._processes.values()}  # fmt: skip
        if self._marks is not None:
            self._marks.compare(there.values())
        self.drift_bytes = sum(entry.drift_bytes for entry in there.values())
        if self.fuses is not None:
            self._pending += self.fuses.untold()
        events = self.events()
        events += self._repair(now_ns, there)
        events += [
            ProcessRead(now_ns, entry.key, entry.counters)
            for entry in there.values()
            if entry.key in self._known
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
        there = [one for one in self._known.values() if one.cgroup_id == cgroup_id]
        partial = len(there) > _READ_AT_ONCE
        if partial:
            there.sort(key=lambda one: (one.key != first, -one.counters.usage.held_bytes))
        size = self._decoder.sizes()["process"]
        counters = {one.key: one.counters for one in there[_READ_AT_ONCE:]}
        for one in there[:_READ_AT_ONCE]:
            self._read_process(one.mm)
            data = bpf.lookup(self._map, struct.pack("=Q", one.mm), size)
            entry = None if data is None else self._decoder.process(data)
            if entry is not None and (entry.key, entry.cgroup_id) == (one.key, cgroup_id):
                counters[one.key] = entry.counters
        data = self._group_data(cgroup_id)
        if data is None:
            return None
        return GroupReading(
            time_ns=now_ns,
            cgroup_id=cgroup_id,
            counters=self._decoder.cgroup(data),
            held_bytes=self._decoder.held_pages(data) * PAGE_SIZE,
            processes=counters,
            partial=partial,
        )

    def mark_process(self, key: ProcessKey, held_bytes: int) -> None:
        """Have `Breached` told once this process itself holds so much; 0: never."""
        mm = self._mm_of(key)
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
        key = event.key
        if self._since.get(key) != event.time_ns:
            return
        known = self._known.pop(key, None)
        if known is not None:
            pid = struct.pack("=I", key.pid)
            bpf.delete(self._map, struct.pack("=Q", known.mm))
            bpf.delete(self._programs.map_fd("process_mm"), pid)
            bpf.delete(self._programs.map_fd("lineage"), pid)

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

    def _fill_maps(
        self,
        offsets: Iterable[int],
        globs: bytes,
        cgroup_ids: Iterable[int],
        pids: Iterable[int],
        self_pid: int,
    ) -> None:
        own = self._programs.map_fd("self_tgid")
        bpf.update(own, bytes(4), struct.pack("=I", self_pid))
        fd = self._programs.map_fd("cpu_offsets")
        for cpu, offset in enumerate(offsets):
            bpf.update(fd, struct.pack("=I", cpu), struct.pack("=Q", offset))
        if globs:
            bpf.update(self._programs.map_fd("globs"), bytes(4), globs)
        for cgroup_id in cgroup_ids:
            bpf.update(
                self._programs.map_fd("watched_cgroups"), struct.pack("=Q", cgroup_id), b"\1"
            )
        for pid in pids:
            bpf.update(self._programs.map_fd("watched_pids"), struct.pack("=I", pid), b"\1")

    def _received(self, data: bytes) -> None:
        event, entry = self._decoder.record(data)
        if isinstance(event, ProcessStarted) and entry is not None:
            self._known[event.key] = entry
            self._since[event.key] = event.time_ns
        elif isinstance(event, ProcessExited):
            self._known.pop(event.key, None)
            self._since.pop(event.key, None)
            if self.fuses is not None and not event.executed:
                self.fuses.forget(event.key)
        elif isinstance(event, FuseBlown) and self.fuses is not None:
            if not self.fuses.news(event):
                return
        elif isinstance(event, ProcessMoved) and event.key in self._known:
            self._known[event.key] = self._known[event.key]._replace(cgroup_id=event.cgroup_id)
        self._pending.append(event)

    def _repair(self, now_ns: int, there: dict[ProcessKey, Tracked]) -> Iterator[Event]:
        for key in [key for key in self._known if key not in there]:
            if self._in_map(key, self._known[key].mm):
                continue  # it came between the two looks
            gone = self._known.pop(key)
            self._since.pop(key, None)
            if self.fuses is not None:
                self.fuses.forget(key)
            yield ProcessExited(now_ns, key, gone.comm, 0, 0, gone.counters)
        for key, entry in there.items():
            known = self._known.get(key)
            if known is None or known.mm != entry.mm:
                if not self._in_map(key, entry.mm):
                    continue  # it went between the two looks
                if known is not None:
                    yield ProcessExited(now_ns, key, known.comm, 0, 0, known.counters, True)
                self._known[key] = entry
                self._since[key] = now_ns
                yield ProcessStarted(
                    now_ns, key, entry.parent_pid, entry.how, entry.comm, entry.cgroup_id,
                    counters=entry.counters,
                )  # fmt: skip
            elif known.cgroup_id != entry.cgroup_id:
                yield ProcessMoved(now_ns, key, entry.cgroup_id)
            self._known[key] = entry

    def _adopt(self, iterator: int, *, follow: bool) -> None:
        """Find who is running already; descendants too, in as many rounds as it takes."""
        for _round in range(_GENERATIONS if follow else 1):
            before = len(self._known)
            self._programs.iterate("adopt", iterator)
            self._programs.drain()
            if len(self._known) == before:
                return

    def _mm_of(self, key: ProcessKey) -> int | None:
        known = self._known.get(key)
        return None if known is None else known.mm

    def _in_map(self, key: ProcessKey, mm: int) -> bool:
        size = self._decoder.sizes()["process"]
        data = bpf.lookup(self._map, struct.pack("=Q", mm), size)
        return data is not None and self._decoder.process(data).key == key

    def _read_cgroups(self, now_ns: int) -> Iterator[Event]:
        for cgroup_id in {entry.cgroup_id for entry in self._known.values()}:
            data = self._group_data(cgroup_id)
            if data is not None:
                yield CgroupRead(now_ns, cgroup_id, self._decoder.cgroup(data))

    def _group_data(self, cgroup_id: int) -> bytes | None:
        self._read_group(cgroup_id)
        size = self._decoder.sizes()["cgroup_counters"]
        fd = self._programs.map_fd("cgroups")
        return bpf.lookup(fd, struct.pack("=Q", cgroup_id), size)

    def _describe(self, layout: Layout) -> tuple[tuple[str, str], ...]:
        memory = "rss_stat"
        if layout.exact:
            memory += ", exact at each reading" if layout.events_lag else ", exact"
        if layout.many_cpus:
            memory += ", summed by batch"
        return (
            ("lifecycle", "sched and task raw tracepoints"),
            ("memory", memory),
            ("mappings", "mmap_lock_released" if layout.mmap_lock else self._means_in_words),
            ("mapping calls", self._means_in_words),
            ("pressure", "mark_victim, vmscan and cgroup raw tracepoints"),
        )

    @property
    def _means_in_words(self) -> str:
        return self._means.in_words if self._means is not None else "not told apart"

    def _remarks(self, layout: Layout) -> tuple[str, ...]:
        remarks = []
        if not layout.exact:
            remarks.append("resident memory is as exact as /proc/PID/statm, not to the page")
        elif layout.events_lag:
            remarks.append(
                "between two readings resident memory lags by up to 64 page faults a thread"
            )
        if not layout.mmap_lock:
            remarks.append("this kernel has no mmap_lock tracepoints: system calls are traced")
        if self._means is not None:
            remarks.append(
                f"mapping calls are told apart by {self._means.in_words}: {self._means.cost}"
            )
        return tuple(remarks)
