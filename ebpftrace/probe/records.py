"""The records of the ring buffer, decoded into events: one row of RECORDS each.

To add one, define `struct NAME_record` beside its program in bpf/, and a row here. The
compiler gets the row's number as RECORD_NAME and its size, which it compares with C's.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError
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
from ebpftrace.probe.structs import (
    StructDecoder,
    TrackedEntry,
    decode_comm,
    decode_usage,
    fuse_blown,
    until_nul,
)
from ebpftrace.shared_values import SharedBytes
from ebpftrace.text import PATH_LIMIT, clean
from ebpftrace.units import PAGE_SIZE

_HEADER = struct.Struct("=IIQ")  # struct header: type, size, time
_ARGS, _PATH = 256, 256  # ARGS_LEN, PATH_LEN

_RENAME = struct.Struct("=QII16s")
_MOVE = struct.Struct("=QQII")
_BREACH = struct.Struct("=QQqII")
_OOM_HEAD, _OOM_TAIL = struct.Struct("=QQ4q"), struct.Struct("=II16s")


class RecordType(NamedTuple):
    """One type of record.

    `size` is the bytes after the header, `decode` makes the event from those and the
    record's time. `struct` is C's name without `_record`, where several types share one.
    """

    name: str
    size: Callable[[StructDecoder], int]
    decode: Callable[[StructDecoder, int, bytes], Event]
    struct: str = ""


class RecordDecoder:
    """Decodes ring-buffer records; `structs` decodes the structs that they contain."""

    def __init__(self, structs: StructDecoder) -> None:
        self._structs = structs

    def constants(self) -> dict[str, int]:
        """What the C is compiled with: RECORD_… and SIZE_… of all records and structs."""
        sizes = self._structs.sizes()
        for record in RECORDS:
            name = f"{record.struct or record.name}_record"
            sizes[name] = _HEADER.size + record.size(self._structs)
        numbers = {
            f"RECORD_{record.name.upper()}": number for number, record in _BY_NUMBER.items()
        }
        return numbers | {f"SIZE_{name}": size for name, size in sizes.items()}

    def record(self, data: bytes) -> Event:
        """A whole record. EbpftraceError for one that the programs of bpf/ do not send."""
        try:
            number, _size, time_ns = _HEADER.unpack_from(data)
            return _BY_NUMBER[number].decode(self._structs, time_ns, data[_HEADER.size :])
        except (KeyError, struct.error) as error:
            raise EbpftraceError(
                f"the kernel side sent a record of {len(data)} bytes that is none of its own",
                why=f"{type(error).__name__}: {clean(str(error))}",
                fix="report it: the BPF programs and ebpftrace are of different versions",
            ) from error

    def entry(self, data: bytes) -> TrackedEntry:
        """The map's entry that a start or an exit record contains."""
        return self._structs.process(data, _HEADER.size)


def split_args(raw: bytes, *, cut: bool = False) -> tuple[str, ...]:
    """Arguments as the kernel keeps them, each ended by NUL, cleaned; `cut` adds `…`."""
    if not raw:
        return ()
    args = tuple(clean(arg) for arg in raw.rstrip(b"\0").split(b"\0"))
    return (*args[:-1], args[-1] + "…") if cut else args


def _started(structs: StructDecoder, time_ns: int, data: bytes) -> ProcessStarted:
    process = structs.process(data)
    at = structs.sizes()["process"]
    (args_len, _unused) = struct.unpack_from("=II", data, at)
    args = data[at + 8 :][:args_len]
    program = until_nul(data[at + 8 + _ARGS :][:_PATH])
    return ProcessStarted(
        time_ns=time_ns,
        key=process.key,
        parent_pid=process.parent_pid,
        how=process.how,
        comm=process.comm,
        cgroup_id=process.cgroup_id,
        program=clean(program, PATH_LIMIT),
        args=split_args(args, cut=args_len >= _ARGS - 1),
        counters=process.counters,
        same_program=process.same_program,
    )


def _exited(structs: StructDecoder, time_ns: int, data: bytes) -> ProcessExited:
    process = structs.process(data)
    status, executed = struct.unpack_from("=II", data, structs.sizes()["process"])
    return ProcessExited(
        time_ns, process.key, process.comm, status >> 8 & 0xFF, status & 0x7F,
        process.counters, bool(executed),
    )  # fmt: skip


def _renamed(_structs: StructDecoder, time_ns: int, data: bytes) -> ProcessRenamed:
    start, tgid, _unused, comm = _RENAME.unpack(data)
    return ProcessRenamed(time_ns, ProcessKey(tgid, start), decode_comm(comm))


def _moved(_structs: StructDecoder, time_ns: int, data: bytes) -> ProcessMoved:
    start, memcg_id, tgid, _unused = _MOVE.unpack(data)
    return ProcessMoved(time_ns, ProcessKey(tgid, start), memcg_id)


def _oom_killed(structs: StructDecoder, time_ns: int, data: bytes) -> OomKilled:
    start, memcg_id, *pages = _OOM_HEAD.unpack_from(data)
    counters = structs.cgroup(data, _OOM_HEAD.size)
    tgid, tracked, comm = _OOM_TAIL.unpack_from(
        data, _OOM_HEAD.size + structs.sizes()["cgroup_counters"]
    )
    return OomKilled(
        time_ns, ProcessKey(tgid, start), decode_comm(comm), memcg_id,
        decode_usage(pages, SharedBytes()), bool(tracked), counters,
    )  # fmt: skip


def _cgroup_made(structs: StructDecoder, time_ns: int, data: bytes) -> CgroupMade:
    return CgroupMade(time_ns, *_cgroup_path(structs, data))


def _cgroup_gone(structs: StructDecoder, time_ns: int, data: bytes) -> CgroupGone:
    return CgroupGone(time_ns, *_cgroup_path(structs, data), structs.cgroup(data, 8))


def _cgroup_path(structs: StructDecoder, data: bytes) -> tuple[int, str]:
    (memcg_id,) = struct.unpack_from("=Q", data)
    path = until_nul(data[8 + structs.sizes()["cgroup_counters"] :][:_PATH])
    is_cut = len(path) >= _PATH - 1
    return memcg_id, "" if is_cut else clean(path, PATH_LIMIT)


def _breached(_structs: StructDecoder, time_ns: int, data: bytes) -> Breached:
    start, memcg_id, held, tgid, group = _BREACH.unpack(data)
    return Breached(time_ns, ProcessKey(tgid, start), memcg_id, held * PAGE_SIZE, bool(group))


def _with_process(size: int) -> Callable[[StructDecoder], int]:
    return lambda structs: structs.sizes()["process"] + size


def _with_cgroup(size: int) -> Callable[[StructDecoder], int]:
    return lambda structs: structs.sizes()["cgroup_counters"] + size


RECORDS = (
    RecordType("start", _with_process(8 + _ARGS + _PATH), _started),
    RecordType("exit", _with_process(8), _exited),
    RecordType("rename", lambda _: _RENAME.size, _renamed),
    RecordType("move", lambda _: _MOVE.size, _moved),
    RecordType("oom", _with_cgroup(_OOM_HEAD.size + _OOM_TAIL.size), _oom_killed),
    RecordType("cgroup_made", _with_cgroup(8 + _PATH), _cgroup_made, struct="cgroup"),
    RecordType("cgroup_gone", _with_cgroup(8 + _PATH), _cgroup_gone, struct="cgroup"),
    RecordType("breach", lambda _: _BREACH.size, _breached),
    RecordType(
        "stop", lambda structs: structs.sizes()["stop"], lambda _s, _t, data: fuse_blown(data)
    ),
)
"""All types of record, by number from 1 on."""

_BY_NUMBER = dict(enumerate(RECORDS, start=1))
