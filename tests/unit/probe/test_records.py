"""Bytes from the kernel become events; nothing raw gets through."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import CgroupEvents, Usage
from ebpftrace.events import (
    CgroupGone,
    CgroupMade,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe.loading.layout import PAGE_SIZE
from ebpftrace.probe.records import RecordDecoder, split_args

NO_LIMIT = NOT_COUNTED = (1 << 64) - 1


def process(comm: bytes = b"gopls", *, forked: int = 0, how: int = 1) -> bytes:
    pages, inherited = (1, 2, 3, 4), (1, 1, 0, 0)
    return struct.pack(
        "=4Q4I16s9q12Q",
        0xFFFF0000, 77, 0xFFFF1111, 42, 4711, 1, forked, how, comm, *pages, *inherited, 9,
        0, 50, 100, 33, 1 << 20, (1 << 20) + 12345, 7, 5, 3, 2, 999, 1,
    )  # fmt: skip


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("=IIQ", kind, 16 + len(body), 1234) + body


def decoder() -> RecordDecoder:
    return RecordDecoder(calls=False, many_cpus=False)


def test_a_start_has_all_of_the_process() -> None:
    args = b"gopls\0-mode=stdio\0"
    body = process() + struct.pack("=II256s256s", len(args), 0, args, b"/usr/bin/gopls")
    event, entry = decoder().record(record(1, body))
    assert isinstance(event, ProcessStarted)
    assert event.key == ProcessKey(4711, 77)
    assert event.args == ("gopls", "-mode=stdio")
    assert event.program == "/usr/bin/gopls"
    assert event.counters.usage == Usage(2 * PAGE_SIZE, PAGE_SIZE, 4 * PAGE_SIZE, 3 * PAGE_SIZE)
    assert event.counters.brk_bytes == 12345
    assert event.counters.mapped_bytes == 7 * PAGE_SIZE
    assert event.counters.unmapped_bytes == 5 * PAGE_SIZE
    assert event.counters.inherited == Usage()
    assert entry is not None
    assert entry.mm == 0xFFFF0000
    assert decoder().sizes()["start_record"] == len(record(1, body))


def test_an_entry_that_is_just_being_made_is_none() -> None:
    assert decoder().entry(process(how=0)) is None
    assert decoder().entry(process(how=2)) == decoder().process(process(how=2))


def test_what_was_inherited_counts_only_while_forked() -> None:
    assert decoder().process(process(forked=1, how=2)).counters.inherited == Usage(
        anon_bytes=PAGE_SIZE, file_bytes=PAGE_SIZE
    )


def test_an_exit_is_code_or_signal() -> None:
    for status, code, signal in ((7 << 8, 7, 0), (9, 0, 9), (6 | 0x80, 0, 6), (0, 0, 0)):
        body = process() + struct.pack("=II", status, 0)
        event, _entry = decoder().record(record(2, body))
        assert isinstance(event, ProcessExited)
        assert (event.exit_code, event.signal) == (code, signal)


def test_a_rename_a_move_and_a_cgroup() -> None:
    renamed, _ = decoder().record(record(3, struct.pack("=QII16s", 77, 4711, 0, b"x\x1b[1m")))
    assert renamed == ProcessRenamed(1234, ProcessKey(4711, 77), "x\\x1b[1m")
    moved, _ = decoder().record(record(4, struct.pack("=QQII", 77, 43, 4711, 0)))
    assert moved == ProcessMoved(1234, ProcessKey(4711, 77), 43)
    counters = struct.pack(
        "=14Q", 0, 10, 20, NO_LIMIT, NO_LIMIT, NO_LIMIT, 3, 1, *(NOT_COUNTED,) * 4, 5, 2
    )
    cgroup = struct.pack("=Q", 42) + counters + struct.pack("=256s", b"/ci/build\n42")
    made, _ = decoder().record(record(6, cgroup))
    assert made == CgroupMade(1234, 42, "/ci/build\\x0a42")
    gone, _ = decoder().record(record(7, cgroup))
    assert isinstance(gone, CgroupGone)
    assert gone.counters.limit_bytes is None
    assert gone.counters.headroom_bytes is None
    assert (gone.counters.oom_kills, gone.counters.limit_hits) == (1, 3)
    assert gone.counters.events is None, "cgroup v1"


def test_an_oom_kill_has_its_cgroup() -> None:
    counters = struct.pack("=14Q", 0, 10, 20, 30, 20, 25, 3, 1, 4, 6, 2, NOT_COUNTED, 5, 2)
    body = struct.pack("=QQ4q", 77, 42, 1, 2, 3, 4) + counters
    event, _ = decoder().record(record(5, body + struct.pack("=II16s", 4711, 1, b"gopls")))
    assert isinstance(event, OomKilled)
    assert event.cgroup.limit_bytes == 30 * PAGE_SIZE
    assert event.cgroup.high_bytes == 25 * PAGE_SIZE
    assert event.usage.anon_bytes == 2 * PAGE_SIZE
    assert event.tracked
    assert event.cgroup.events == CgroupEvents(
        low=4, high=6, max=3, oom=2, oom_kill=1, oom_group_kill=None
    )


def test_the_kinds_of_call_come_only_when_asked_for() -> None:
    calls = RecordDecoder(calls=True, many_cpus=False)
    data = process() + struct.pack("=15Q", *range(15))
    told = calls.process(data).counters.calls
    assert told is not None
    assert told["mmap"].calls == 3
    assert told["mremap"].released_bytes == 14
    assert decoder().process(process()).counters.calls is None


def test_many_cpus_have_a_longer_struct() -> None:
    many = RecordDecoder(calls=True, many_cpus=True)
    data = process() + struct.pack("=4Q", 1, 1, 1, 1) + struct.pack("=15Q", *range(15))
    told = many.process(data).counters.calls
    assert told is not None
    assert told["other"].calls == 0
    assert len(data) == many.sizes()["process"]


@given(st.binary(max_size=64))
def test_arguments_are_printable_whatever_they_are(raw: bytes) -> None:
    for arg in split_args(raw):
        assert arg.isprintable() or not arg


def test_arguments_that_were_cut_say_so() -> None:
    assert split_args(b"a\0bcd", cut=True) == ("a", "bcd…")
    assert split_args(b"") == ()
