"""The bpf(2) system call, as far as bcc's Python does not reach.

Batches over maps, running a program on demand, iterators, and programs assembled here.
Layouts: union bpf_attr in the kernel's include/uapi/linux/bpf.h. Failures are OSError.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterator

_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}

_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE = 0, 1, 2, 3
_PROG_LOAD, _PROG_TEST_RUN, _PROG_GET_NEXT_ID, _OBJ_INFO = 5, 10, 11, 15
_MAP_LOOKUP_BATCH, _MAP_UPDATE_BATCH = 24, 26
_LINK_CREATE, _ITER_CREATE = 28, 33
_RAW_TRACEPOINT_OPEN = 17

MAP_ARRAY, MAP_PERCPU_ARRAY = 2, 6
PROG_KPROBE, PROG_TRACEPOINT, PROG_RAW_TRACEPOINT, PROG_TRACING = 2, 5, 17, 26
ATTACH_FENTRY, ATTACH_FEXIT, ATTACH_TRACE_ITER = 24, 25, 28
_RUN_ON_CPU = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attr: "ctypes.Array[ctypes.c_char]") -> int:
    result: int = _libc.syscall(_NUMBER[platform.machine()], command, attr, len(attr))
    if result < 0:
        code = ctypes.get_errno()
        if code == errno.EPERM and command in (_MAP_CREATE, _PROG_LOAD) and _lift_memlock():
            return _bpf(command, attr)
        if code == errno.EAGAIN and command == _PROG_LOAD:
            # The verifier gives up when a signal waits. Whoever handles it has been told;
            # the program is no worse for it.
            return _bpf(command, attr)
        raise OSError(code, os.strerror(code))
    return result


def _lift_memlock() -> bool:
    """Whether the limit on locked memory could be lifted, and was not before.

    Up to Linux 5.10 maps and programs count against it (3ac1f01b43b6 "bpf: Eliminate
    rlimit-based memory accounting for bpf progs"), and EPERM is all that is said.
    """
    lifted = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    if resource.getrlimit(resource.RLIMIT_MEMLOCK) == lifted:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, lifted)
    except (OSError, ValueError):
        return False
    return True


def _attr(layout: str, *values: int) -> "ctypes.Array[ctypes.c_char]":
    packed = struct.pack("=" + layout, *values)
    return ctypes.create_string_buffer(packed, len(packed))


def _buffer(data: bytes) -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(data, len(data))


def create_map(kind: int, key_size: int, value_size: int, entries: int, flags: int = 0) -> int:
    """A new map's file descriptor."""
    return _bpf(_MAP_CREATE, _attr("5I", kind, key_size, value_size, entries, flags))


def map_shape(map_fd: int) -> tuple[int, int, int, int, int]:
    """A map's kind, key size, value size, entries and flags, as `create_map` takes them."""
    info = ctypes.create_string_buffer(88)
    _bpf(_OBJ_INFO, _attr("IIQ", map_fd, len(info), ctypes.addressof(info)))
    kind, _id, key_size, value_size, entries, flags = struct.unpack_from("=6I", info)
    return kind, key_size, value_size, entries, flags


def load(
    kind: int,
    code: bytes,
    *,
    attach: int = 0,
    btf_id: int = 0,
    log: "ctypes.Array[ctypes.c_char] | None" = None,
) -> int:
    """Load a program of raw instructions; its file descriptor. `log`: for the verifier."""
    instructions, license_ = _buffer(code), _buffer(b"GPL\0")
    log_words = (0, 0, 0) if log is None else (1, len(log), ctypes.addressof(log))
    attr = _attr(
        "IIQQIIQIIQQIIIIQIIQII",
        kind, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(license_),
        *log_words, 0, 0, 0, 0,  # kernel version, flags, name
        0, attach, 0, 0, 0, 0, 0, 0, 0, btf_id,  # ifindex … attach_btf_id
    )  # fmt: skip
    return _bpf(_PROG_LOAD, attr)


def run(program: int, args: bytes, cpu: int | None = None) -> int:
    """Run a raw-tracepoint program once, with `args` as its context; what it returned."""
    context = _buffer(args)
    attr = _attr(
        "IIIIQQIIIIQQII",
        program, 0, 0, 0, 0, 0, 0, 0, len(args), 0, ctypes.addressof(context), 0,
        0 if cpu is None else _RUN_ON_CPU, cpu or 0,
    )  # fmt: skip
    _bpf(_PROG_TEST_RUN, attr)
    return int(struct.unpack_from("=I", attr, 4)[0])


class Runner:
    """`run` for the hot path: one program, its 64-bit arguments, buffers kept."""

    def __init__(self, program: int, arguments: int = 1) -> None:
        self._arguments = (ctypes.c_uint64 * arguments)()
        self._attr = _attr(
            "IIIIQQIIIIQQII",
            program, 0, 0, 0, 0, 0, 0, 0, ctypes.sizeof(self._arguments), 0,
            ctypes.addressof(self._arguments), 0, 0, 0,
        )  # fmt: skip
        self._number = _NUMBER[platform.machine()]

    def __call__(self, *arguments: int) -> None:
        self._arguments[:] = [argument & (1 << 64) - 1 for argument in arguments]
        if _libc.syscall(self._number, _PROG_TEST_RUN, self._attr, len(self._attr)) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def lookup(map_fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value of a key, or None. The kernel writes the map's whole value: size it so."""
    key_buffer, value = _buffer(key), ctypes.create_string_buffer(value_size)
    try:
        _bpf(
            _MAP_LOOKUP,
            _attr("IIQQQ", map_fd, 0, *map(ctypes.addressof, (key_buffer, value)), 0),
        )
    except FileNotFoundError:
        return None
    return value.raw


def update(map_fd: int, key: bytes, value: bytes) -> None:
    """Set the value of a key."""
    key_buffer, value_buffer = _buffer(key), _buffer(value)
    _bpf(
        _MAP_UPDATE,
        _attr("IIQQQ", map_fd, 0, *map(ctypes.addressof, (key_buffer, value_buffer)), 0),
    )


def delete(map_fd: int, key: bytes) -> None:
    """Remove a key; one that is not there is no error."""
    key_buffer = _buffer(key)
    try:
        _bpf(_MAP_DELETE, _attr("IIQ", map_fd, 0, ctypes.addressof(key_buffer)))
    except FileNotFoundError:
        return


class Batch:
    """Reads a whole hash map with a few system calls; the buffers are kept."""

    def __init__(self, map_fd: int, key_size: int, value_size: int, chunk: int = 256) -> None:
        self._map, self._key_size, self._value_size = map_fd, key_size, value_size
        self._chunk = chunk
        self._allocate()

    def _allocate(self) -> None:
        self._keys = ctypes.create_string_buffer(self._key_size * self._chunk)
        self._values = ctypes.create_string_buffer(self._value_size * self._chunk)

    def values(self) -> Iterator[bytes]:
        """Each value. An entry that comes or goes meanwhile may be missed or seen."""
        return (value for _, value in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """The same, each with its key."""
        cursor = ctypes.create_string_buffer(max(8, self._key_size))
        first = True
        while True:
            attr = _attr(
                "QQQQIIQQ",
                0 if first else ctypes.addressof(cursor), ctypes.addressof(cursor),
                ctypes.addressof(self._keys), ctypes.addressof(self._values),
                self._chunk, self._map, 0, 0,
            )  # fmt: skip
            last = False
            try:
                _bpf(_MAP_LOOKUP_BATCH, attr)
            except FileNotFoundError:
                last = True  # the end was reached; the count is still right
            except OSError as error:
                if error.errno != 28:  # ENOSPC: one bucket holds more than a chunk
                    raise
                self._chunk *= 2
                self._allocate()
                continue
            count = struct.unpack_from("=I", attr, 32)[0]
            wide, size = self._key_size, self._value_size
            keys, data = self._keys.raw[: count * wide], self._values.raw[: count * size]
            for n in range(count):
                yield keys[n * wide : (n + 1) * wide], data[n * size : (n + 1) * size]
            if last:
                return
            first = False


def attach_raw_tracepoint(program: int, name: str) -> int:
    """Run a program at every hit of a raw tracepoint; the descriptor that keeps it there."""
    text = _buffer(name.encode() + b"\0")
    return _bpf(_RAW_TRACEPOINT_OPEN, _attr("QII", ctypes.addressof(text), program, 0))


def attach_tracing(program: int) -> int:
    """Attach an fentry or fexit program where it was loaded for; its link's descriptor."""
    return _bpf(_RAW_TRACEPOINT_OPEN, _attr("QII", 0, program, 0))


def iterate(program: int) -> None:
    """Run an iterator program over everything it iterates."""
    link = _bpf(_LINK_CREATE, _attr("IIIIQI", program, 0, ATTACH_TRACE_ITER, 0, 0, 0))
    try:
        reader = _bpf(_ITER_CREATE, _attr("II", link, 0))
        try:
            while os.read(reader, 4096):
                pass
        finally:
            os.close(reader)
    finally:
        os.close(link)


def program_ids() -> Iterator[int]:
    """Ids of every BPF program that is loaded, by whomever."""
    last = 0
    while True:
        attr = _attr("III", last, 0, 0)
        try:
            _bpf(_PROG_GET_NEXT_ID, attr)
        except FileNotFoundError:
            return
        last = int(struct.unpack_from("=I", attr, 4)[0])
        yield last


def run_time_ns(program: int) -> int:
    """Nanoseconds a program has run; 0 unless kernel.bpf_stats_enabled is 1."""
    info = ctypes.create_string_buffer(232)
    _bpf(_OBJ_INFO, _attr("IIQ", program, len(info), ctypes.addressof(info)))
    # struct bpf_prog_info: run_time_ns follows btf_id, func_info … prog_tags.
    return int(struct.unpack_from("=Q", info, 192)[0])


def missed_runs(program: int) -> int:
    """How often a program did not run because this CPU was in the middle of it already.

    0 on kernels that do not count it (9ed9e9ba2337 "bpf: Count the number of times
    recursion was prevented").
    """
    info = ctypes.create_string_buffer(232)
    _bpf(_OBJ_INFO, _attr("IIQ", program, len(info), ctypes.addressof(info)))
    return int(struct.unpack_from("=Q", info, 208)[0])  # after run_time_ns and run_cnt
