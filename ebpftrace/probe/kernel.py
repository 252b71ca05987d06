"""The kernel side, running: loaded, attached, and read."""

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial

from ebpftrace import heap
from ebpftrace.events import (
    Breached,
    Event,
    GroupReading,
    ProcessKey,
    ProcessStarted,
    SharedTable,
)
from ebpftrace.probe import calls, features
from ebpftrace.probe.fuses import KernelFuses
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.groups import Groups
from ebpftrace.probe.interface import FuseDefault
from ebpftrace.probe.loading.checks import require_bpf
from ebpftrace.probe.loading.child import Explain, unexplained
from ebpftrace.probe.loading.known_types import KnownTypes
from ebpftrace.probe.loading.layout import read_layout
from ebpftrace.probe.loading.opening import load_programs
from ebpftrace.probe.loading.settings import (
    MAX_CGROUPS,
    MAX_PROCESSES,
    RING_BYTES,
    compiler_flags,
    fill_maps,
    quotas_for,
    resized_tables,
    table_sizes,
    urgent_bytes,
)
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.quotas import Quotas
from ebpftrace.probe.reading import Reading, Sources
from ebpftrace.probe.records import RecordDecoder
from ebpftrace.probe.reports import Reports
from ebpftrace.probe.rings import Rings
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.sharing import Inheritance, Sharing
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.probe.watermarks import Watermarks
from ebpftrace.units import NS_PER_SECOND, PAGE_SIZE

_GENERATIONS = 32  # of descendants that have lower pids than their parents: rare, and bounded

_ADOPT_NS = 2 * NS_PER_SECOND  # what is not read by then comes with the next slices

_CHANGED = ("changed_processes", "changed_groups")

_REPEATED = frozenset(("on_rss_stat", "on_mmap_lock_released"))
"""Programs whose missed run the next run makes up for. Of the others each miss is a loss.

A kernel that preempts tasks within a raw tracepoint (PREEMPT_LAZY; seen on 7.3) does not
run a program for the next task on that CPU while the first is in the middle of it.
"""


class KernelProbe:
    """The `Probe` that loads and attaches BPF programs on construction.

    Raises the errors of `ebpftrace.errors` that name what this machine lacks. `cgroup_ids`
    are the memory cgroups of `selection.cgroups`; all below are watched. With `watermarks`
    there are marks and fuses; `fuse` holds for every process from its first page on, and
    `hold_stopped` is called with the map of stopped processes before any can be stopped.
    `explain` is called before anything is compiled, see `compile_programs`, and `meanwhile`
    while the kernel verifies the programs, before any is attached.
    The tables of what is tracked have room for `processes`; None: as many as are compiled.
    `ring_bytes` and `max_…` let tests make the bounds small; for `by_helper` and `more_cpus`
    see `read_layout`.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        cgroup_ids: Iterable[int] = (),
        mapping_calls: bool = False,
        watermarks: bool = False,
        fuse: FuseDefault | None = None,
        hold_stopped: Callable[[int], None] | None = None,
        method: calls.CallTraceMethod | None = None,
        self_pid: int = 0,
        ring_bytes: int = RING_BYTES,
        max_processes: int = MAX_PROCESSES,
        max_cgroups: int = MAX_CGROUPS,
        processes: int | None = None,
        by_helper: bool = False,
        more_cpus: int = 0,
        explain: Callable[[], Explain] = lambda: unexplained,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        require_bpf()
        sizes = table_sizes(max_processes, max_cgroups)
        btf = KnownTypes()
        layout = read_layout(btf, by_helper=by_helper, more_cpus=more_cpus)
        trace_calls = mapping_calls or not layout.mmap_lock
        method = calls.choose(btf, method) if trace_calls else None
        structs = StructDecoder(
            calls=method is not None, cpus=layout.cpus, watermarks=watermarks
        )
        decoder = RecordDecoder(structs)
        globs, glob_words = compile_globs(selection.comms) if selection.comms else (b"", 0)
        flags = compiler_flags(
            layout, decoder.constants(), selection, glob_words=glob_words, method=method,
            watermarks=watermarks, ring_bytes=ring_bytes, sizes=sizes,
        )  # fmt: skip
        sizes = resized_tables(sizes, processes or max_processes)
        max_quotas = quotas_for(sizes[SharedTable.PROCESSES])
        # Without watermarks there is nothing to report; a test's small ring is both of them.
        small = ring_bytes < RING_BYTES or not watermarks
        urgent = min(ring_bytes, PAGE_SIZE) if small else urgent_bytes(sizes)
        tasks, elements = layout.iter_task_id, layout.iter_element_id
        self._programs, handlers = load_programs(
            flags, btf, {"adopt": tasks} | dict.fromkeys(_CHANGED, elements),
            fill=partial(
                fill_maps, cpu_offsets=layout.offsets, globs=globs, cgroup_ids=cgroup_ids,
                pids=selection.pids, self_pid=self_pid, sizes=sizes,
                max_quotas=max_quotas,
            ),
            explain=explain, meanwhile=meanwhile, sizes=sizes, urgent=urgent,
        )  # fmt: skip
        self._processes = Processes(self._programs, structs, elements)
        self._sharing = Sharing(self._programs, self._processes, tasks)
        self._groups = Groups(self._programs, structs, elements)
        self._quotas = Quotas(self._programs, structs, sizes, max_quotas)
        self._marks = Watermarks(self._programs, structs) if watermarks else None
        self.fuses: KernelFuses | None = None
        self.heirs: Inheritance | None = None
        if watermarks:
            self.heirs = Inheritance(self._programs, self._processes, self._sharing, elements)
            self.fuses = KernelFuses(self._programs, structs, self._processes.mm_of)
            if hold_stopped is not None:
                hold_stopped(self.fuses.fd)
            if fuse is not None:
                self.fuses.set_default(fuse)
        self._reports = Reports(decoder, self._processes, self.fuses)
        self._rings = Rings(
            self._programs, self._reports.receive, self._reports.receive_urgent, ring_bytes
        )
        self._reading = Reading(
            self._programs, handlers.keys() - _REPEATED,
            Sources(
                self._processes, self._groups, self._sharing, self._quotas, self._reports,
                self._rings, self._marks, self.fuses,
            ),
        )  # fmt: skip
        for program, tracepoint in handlers.items():
            self._programs.attach_raw(program, tracepoint)
        if method is not None:
            calls.attach(self._programs, btf, method)
        self.features = features.features(layout, method)
        self.remarks = features.remarks(layout, method)
        self._adopt(layout.iter_task_id, follow=selection.children)
        btf.keep()
        del btf
        heap.trim()

    @property
    def fds(self) -> tuple[int, ...]:
        """Readable when there are records."""
        return self._rings.fds

    @property
    def drift_bytes(self) -> int:
        """What the last reading corrected, summed."""
        return self._reading.drift_bytes

    @property
    def caught_up(self) -> bool:
        """Whether the last call of `events` or `read` left no records to be read."""
        return self._rings.caught_up

    def events(self) -> list[Event]:
        """The next slice of what happened, in order; breaches first if there is more."""
        return self._reports.events(self._rings)

    def breaches(self) -> list[Breached]:
        """The breaches since, and no stops."""
        return self._reports.breaches(self._rings)

    def urgent(self) -> list[Event]:
        """The breaches and stops since, with the starts of their processes."""
        return self._reports.urgent(self._rings)

    def read(self, now_ns: int) -> list[Event]:
        """Everything that is tracked, exact at this moment, after what happened before.

        A start or an exit whose record did not fit the ring is reported here, late.
        """
        return self._reading.read(now_ns)

    def read_one_group(
        self, now_ns: int, cgroup_id: int, first: ProcessKey
    ) -> GroupReading | None:
        """One memory cgroup and its tracked processes, exact; None if it has none."""
        return self._groups.with_processes(now_ns, cgroup_id, first, self._processes)

    def mark_process(self, key: ProcessKey, held_bytes: int) -> None:
        """Report `Breached` once, when this process itself holds so much; 0: never."""
        mm = self._processes.mm_of(key)
        if self._marks is not None and mm is not None:
            self._marks.set_process(mm, key, held_bytes)

    def mark_group(self, cgroup_id: int, held_bytes: int) -> None:
        """The same for all tracked processes of a memory cgroup together."""
        if self._marks is not None:
            self._marks.set_group(cgroup_id, held_bytes)

    def is_unchanged(self, event: ProcessStarted) -> bool:
        """Whether a process that started so has neither ended nor executed a program since."""
        return self._processes.is_unchanged(event)

    def drop(self, event: ProcessStarted) -> None:
        """Stop tracking a process that does not match, unless it has executed another since."""
        self._processes.drop(event)

    def sharers(self, keys: Collection[ProcessKey]) -> list[ProcessKey]:
        """The processes that share all memory of these, without these: a look at all tasks."""
        return self._sharing.sharers(keys)

    def losses(self) -> dict[str, int]:
        """What was missed so far, by cause; causes without a loss are left out."""
        return self._reading.losses()

    def run_time_ns(self) -> int:
        """Nanoseconds the kernel programs ran; 0 where the kernel does not count."""
        return self._programs.run_time_ns()

    def close(self) -> None:
        """Detach everything. (The end of this process does, too.)"""
        self._programs.close()

    def _adopt(self, iterator: int, *, follow: bool) -> None:
        """Find processes that run already; descendants too, in as many rounds as it takes."""
        until_ns = time.monotonic_ns() + _ADOPT_NS
        for _round in range(_GENERATIONS if follow else 1):
            before = len(self._processes)
            self._programs.iterate("adopt", iterator, lambda _written: self._take_starts())
            self._take_starts()
            if len(self._processes) == before or time.monotonic_ns() > until_ns:
                return

    def _take_starts(self) -> None:
        self._rings.take(MAX_PROCESSES, _ADOPT_NS)
