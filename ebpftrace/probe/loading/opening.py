"""From the compiler's flags to loaded programs, none of which is attached yet."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from ebpftrace.events import SharedTable
from ebpftrace.probe.loading.cache import cached_programs
from ebpftrace.probe.loading.child import Explain, unexplained
from ebpftrace.probe.loading.compiler import compile_programs
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.layout import require_tracepoints
from ebpftrace.probe.loading.loops import without_iterators
from ebpftrace.probe.loading.objects import Objects
from ebpftrace.probe.loading.programs import Programs, RefusedProgramError
from ebpftrace.probe.loading.settings import resized

_ON_DEMAND = (
    "arm_group", "arm_process", "clear_stop", "correct_group", "evict_group", "evict_quota",
    "forget_process", "forget_stopped", "mark_group", "mark_process", "read_group",
    "read_process", "take_over",
)  # fmt: skip
"""Programs that user space runs; some are only there with a policy."""


def load_programs(
    flags: tuple[str, ...],
    btf: KernelTypes,
    iterators: Mapping[str, int],
    *,
    sizes: Mapping[SharedTable, int],
    urgent: int,
    fill: Callable[[Programs], None],
    explain: Callable[[], Explain] = lambda: unexplained,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[Programs, dict[str, str]]:
    """The programs, and the tracepoint of each that is attached to one.

    `iterators` has BTF ids by program; for `sizes` and `urgent` see `resized`. `fill` is called
    once the maps are there. Another thread makes them and loads the programs, while this one
    calls `meanwhile`. Raises the errors of `KernelProbe`, or what `meanwhile` raises;
    everything is closed then.
    """
    compiler = partial(compile_programs, explain=explain)
    try:
        return _load(flags, btf, iterators, compiler, fill, meanwhile, sizes, urgent)
    except RefusedProgramError:
        others = without_iterators(flags)
        if others == flags:
            raise
    return _load(others, btf, iterators, compiler, fill, lambda: None, sizes, urgent)


def _load(
    flags: tuple[str, ...],
    btf: KernelTypes,
    iterators: Mapping[str, int],
    compiler: partial[Objects],
    fill: Callable[[Programs], None],
    meanwhile: Callable[[], object],
    sizes: Mapping[SharedTable, int],
    urgent: int,
) -> tuple[Programs, dict[str, str]]:
    objects = cached_programs(flags, compiler=compiler)
    handlers = objects.handlers
    require_tracepoints(btf, handlers.values())
    opened: list[Programs] = []
    failed: list[Exception] = []

    def open_programs() -> None:
        try:
            opened.append(Programs(resized(objects, sizes, urgent)))
            fill(opened[0])
            opened[0].load_all((*handlers, *_ON_DEMAND), iterators)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=open_programs)
    thread.start()
    try:
        try:
            meanwhile()
        finally:
            thread.join()
        if failed:
            raise failed[0]
    except BaseException:
        for programs in opened:
            programs.close()
        raise
    return opened[0], handlers
