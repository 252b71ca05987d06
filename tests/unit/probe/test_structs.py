"""Map values are decoded to bytes and cleaned names."""

from ebpftrace.counters import Usage
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.units import PAGE_SIZE
from tests.support.kernel_structs import CALLS, cgroup_struct, process_struct

DECODER = StructDecoder(calls=False)


def test_process_has_its_counters_in_bytes() -> None:
    entry = DECODER.process(process_struct())
    assert (entry.mm, entry.comm, entry.parent_pid) == (0xFFFF0000, "gopls", 1)
    counters = entry.counters
    assert counters.usage == Usage(2 * PAGE_SIZE, PAGE_SIZE, 4 * PAGE_SIZE, 3 * PAGE_SIZE)
    assert counters.brk_bytes == 12345
    assert counters.mapped_bytes == 7 * PAGE_SIZE
    assert counters.unmapped_bytes == 5 * PAGE_SIZE
    assert DECODER.sizes()["process"] == len(process_struct())


def test_incomplete_entry_is_none() -> None:
    assert DECODER.entry(process_struct(how=0)) is None
    assert DECODER.entry(process_struct(how=2)) == DECODER.process(process_struct(how=2))


def test_inherited_counts_only_while_forked() -> None:
    forked = DECODER.process(process_struct(forked=1, how=2)).counters
    assert forked.inherited == Usage(anon_bytes=PAGE_SIZE, file_bytes=PAGE_SIZE)
    assert DECODER.process(process_struct(forked=0)).counters.inherited == Usage()


def test_calls_are_decoded_only_if_they_are_counted() -> None:
    counters = StructDecoder(calls=True).process(process_struct() + CALLS)
    assert counters.counters.calls is not None
    assert counters.counters.calls["mmap"].calls == 3
    assert counters.counters.calls["mremap"].released_bytes == 14
    assert DECODER.process(process_struct()).counters.calls is None


def test_parts_of_the_cpus_are_after_all_that_is_decoded() -> None:
    alone, divided = StructDecoder(calls=True), StructDecoder(calls=True, cpus=4)
    data = process_struct() + CALLS
    bases_and_deltas = bytes(4 * 8) + bytes(4 * 4 * 2)
    assert alone.sizes()["process"] == alone.sizes()["tracked"] == len(data)
    assert divided.sizes()["process"] == len(data), "what a record contains"
    assert divided.sizes()["tracked"] == len(data + bases_and_deltas)
    assert divided.process(data + bases_and_deltas) == alone.process(data)


def test_cgroup_without_limits_has_none() -> None:
    counters = DECODER.cgroup(cgroup_struct())
    assert (counters.limit_bytes, counters.headroom_bytes, counters.high_bytes) == (None,) * 3
    assert (counters.oom_kills, counters.limit_hits) == (1, 3)
    assert counters.events is None, "cgroup v1"
    assert DECODER.sizes()["cgroup_counters"] == len(cgroup_struct())


def test_held_pages_need_watermarks() -> None:
    marks = StructDecoder(calls=False, watermarks=True)
    data = cgroup_struct() + (9).to_bytes(8, "little") + bytes(9 * 8)
    assert marks.sizes()["cgroup_counters"] == len(data)
    assert marks.held_pages(data) == 9
    assert DECODER.held_pages(cgroup_struct()) == 0


def test_kernel_memory_that_can_be_dropped_is_known_on_v1() -> None:
    counters = DECODER.cgroup(cgroup_struct(kernel=50, droppable=30))
    assert (counters.kernel_bytes, counters.droppable_bytes) == (50 * PAGE_SIZE, 30 * PAGE_SIZE)
    assert DECODER.cgroup(cgroup_struct()).droppable_bytes is None
