"""Records of the ring buffer become events; nothing raw gets through."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import CgroupEvents
from ebpftrace.events import (
    Breached,
    CgroupGone,
    CgroupMade,
    Event,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe.loading.sources import read_source
from ebpftrace.probe.records import RECORDS, RecordDecoder, split_args
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.units import PAGE_SIZE
from tests.support.kernel_structs import NOT_COUNTED, cgroup_struct, process_struct

DECODER = RecordDecoder(StructDecoder(calls=False))
CONSTANTS = DECODER.constants()
KEY = ProcessKey(4711, 77)


def record(name: str, body: bytes) -> bytes:
    """A record of this type, whose size must be what the compiler is given."""
    (row,) = (row for row in RECORDS if row.name == name)
    data = struct.pack("=IIQ", CONSTANTS[f"RECORD_{name.upper()}"], 16 + len(body), 1234) + body
    assert CONSTANTS[f"SIZE_{row.struct or row.name}_record"] == len(data)
    return data


def decode(name: str, body: bytes) -> Event:
    return DECODER.record(record(name, body))


def test_start_has_the_command_and_the_counters() -> None:
    args = b"gopls\0-mode=stdio\0"
    body = process_struct() + struct.pack("=II256s256s", len(args), 0, args, b"/usr/bin/gopls")
    event = decode("start", body)
    assert isinstance(event, ProcessStarted)
    assert event.key == KEY
    assert event.args == ("gopls", "-mode=stdio")
    assert event.program == "/usr/bin/gopls"
    entry = DECODER.entry(record("start", body))
    assert entry.mm == 0xFFFF0000
    assert entry.counters == event.counters


@pytest.mark.parametrize(
    ("status", "code", "signal"), [(7 << 8, 7, 0), (9, 0, 9), (6 | 0x80, 0, 6), (0, 0, 0)]
)
def test_exit_has_a_code_or_a_signal(status: int, code: int, signal: int) -> None:
    event = decode("exit", process_struct() + struct.pack("=II", status, 0))
    assert isinstance(event, ProcessExited)
    assert (event.exit_code, event.signal) == (code, signal)


def test_rename_cleans_the_name() -> None:
    event = decode("rename", struct.pack("=QII16s", 77, 4711, 0, b"x\x1b[1m"))
    assert event == ProcessRenamed(1234, KEY, "x\\x1b[1m")


def test_move_names_the_new_cgroup() -> None:
    event = decode("move", struct.pack("=QQII", 77, 43, 4711, 0))
    assert event == ProcessMoved(1234, KEY, 43)


def test_breach_has_the_sum_or_the_process() -> None:
    event = decode("breach", struct.pack("=QQqII", 77, 43, 5, 4711, 1))
    assert event == Breached(1234, KEY, 43, 5 * PAGE_SIZE, group=True)


def test_cgroup_records_clean_the_path() -> None:
    body = struct.pack("=Q", 42) + cgroup_struct() + struct.pack("=256s", b"/ci/build\n42")
    assert decode("cgroup_made", body) == CgroupMade(1234, 42, "/ci/build\\x0a42")
    gone = decode("cgroup_gone", body)
    assert isinstance(gone, CgroupGone)
    assert gone.path == "/ci/build\\x0a42"
    assert gone.counters.limit_bytes is None
    assert (gone.counters.oom_kills, gone.counters.limit_hits) == (1, 3)


def test_path_that_a_record_has_no_room_for_is_left_out() -> None:
    counters = cgroup_struct()
    whole, cut = b"/" + b"x" * 253, b"/" + b"x" * 254
    for path, known in ((whole, whole.decode()), (cut, "")):
        body = struct.pack("=Q", 42) + counters + struct.pack("=256s", path)
        assert decode("cgroup_made", body) == CgroupMade(1234, 42, known)


def test_oom_kill_has_the_counters_of_its_cgroup() -> None:
    counters = cgroup_struct((42, 0, 10, 30, 25, NOT_COUNTED), events=(4, 6, 2, NOT_COUNTED))
    body = struct.pack("=QQ4q", 77, 42, 1, 2, 3, 4) + counters
    event = decode("oom", body + struct.pack("=II16s", 4711, 1, b"gopls"))
    assert isinstance(event, OomKilled)
    assert event.cgroup.limit_bytes == 30 * PAGE_SIZE
    assert event.cgroup.high_bytes == 25 * PAGE_SIZE
    assert event.usage.anon_bytes == 2 * PAGE_SIZE
    assert event.tracked
    assert event.cgroup.events == CgroupEvents(
        low=4, high=6, max=3, oom=2, oom_kill=1, oom_group_kill=None
    )


def test_every_record_of_the_c_has_a_row_and_is_compared() -> None:
    source = read_source()
    used = set(re.findall(r"\bRECORD_[A-Z_]+\b", source))
    assert used == {name for name in CONSTANTS if name.startswith("RECORD_")}
    compared = {f"SIZE_{name}" for name in re.findall(r"SAME_SIZE\((\w+)\);", source)}
    compared |= set(re.findall(r"_Static_assert\(.* == (SIZE_[a-z]\w*),", source))
    assert compared == {name for name in CONSTANTS if name.startswith("SIZE_")}


@given(st.binary(max_size=64))
def test_arguments_are_printable_whatever_they_are(raw: bytes) -> None:
    for arg in split_args(raw):
        assert arg.isprintable() or not arg


def test_cut_arguments_end_in_an_ellipsis() -> None:
    assert split_args(b"a\0bcd", cut=True) == ("a", "bcd…")
    assert split_args(b"") == ()
