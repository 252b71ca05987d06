"""BPF maps: made, read and written."""

import ctypes
import errno
import struct
from collections.abc import Iterator

from ebpftrace.probe.loading.bpf.syscall import (
    MAP_CREATE,
    MAP_DELETE,
    MAP_LOOKUP,
    MAP_LOOKUP_BATCH,
    MAP_UPDATE,
    OBJ_INFO,
    bpf,
    buffer,
    pack,
)

MAP_ARRAY, MAP_PERCPU_ARRAY = 2, 6


def create_map(kind: int, key_size: int, value_size: int, entries: int, flags: int = 0) -> int:
    """A new map's file descriptor."""
    return bpf(MAP_CREATE, pack("5I", kind, key_size, value_size, entries, flags))


def map_shape(map_fd: int) -> tuple[int, int, int, int, int]:
    """A map's kind, key size, value size, entries and flags, as `create_map` takes them."""
    info = ctypes.create_string_buffer(88)
    bpf(OBJ_INFO, pack("IIQ", map_fd, len(info), ctypes.addressof(info)))
    kind, _id, key_size, value_size, entries, flags = struct.unpack_from("=6I", info)
    return kind, key_size, value_size, entries, flags


def lookup(map_fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value of a key, or None. `value_size` must be the map's: the kernel writes it all."""
    key_buffer, value = buffer(key), ctypes.create_string_buffer(value_size)
    try:
        bpf(
            MAP_LOOKUP,
            pack("IIQQQ", map_fd, 0, *map(ctypes.addressof, (key_buffer, value)), 0),
        )
    except FileNotFoundError:
        return None
    return value.raw


def update(map_fd: int, key: bytes, value: bytes) -> None:
    """Set the value of a key."""
    key_buffer, value_buffer = buffer(key), buffer(value)
    bpf(
        MAP_UPDATE,
        pack("IIQQQ", map_fd, 0, *map(ctypes.addressof, (key_buffer, value_buffer)), 0),
    )


def delete(map_fd: int, key: bytes) -> None:
    """Remove a key; a missing one is no error."""
    key_buffer = buffer(key)
    try:
        bpf(MAP_DELETE, pack("IIQ", map_fd, 0, ctypes.addressof(key_buffer)))
    except FileNotFoundError:
        return


class Batch:
    """Reads a whole hash map with a few system calls; the buffers are reused."""

    def __init__(self, map_fd: int, key_size: int, value_size: int, chunk: int = 256) -> None:
        self._map, self._key_size, self._value_size = map_fd, key_size, value_size
        self._chunk = chunk
        self._allocate()

    def values(self) -> Iterator[bytes]:
        """Each value. An entry added or removed meanwhile may or may not be among them."""
        return (value for _, value in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """The same, each with its key."""
        cursor = ctypes.create_string_buffer(max(8, self._key_size))
        first = True
        while True:
            attributes = pack(
                "QQQQIIQQ",
                0 if first else ctypes.addressof(cursor), ctypes.addressof(cursor),
                ctypes.addressof(self._keys), ctypes.addressof(self._values),
                self._chunk, self._map, 0, 0,
            )  # fmt: skip
            last = False
            try:
                bpf(MAP_LOOKUP_BATCH, attributes)
            except FileNotFoundError:
                last = True  # the end of the map; the count is valid all the same
            except OSError as error:
                if error.errno != errno.ENOSPC:  # a bucket has more entries than a chunk
                    raise
                self._chunk *= 2
                self._allocate()
                continue
            count = struct.unpack_from("=I", attributes, 32)[0]
            wide, size = self._key_size, self._value_size
            keys, data = self._keys.raw[: count * wide], self._values.raw[: count * size]
            for n in range(count):
                yield keys[n * wide : (n + 1) * wide], data[n * size : (n + 1) * size]
            if last:
                return
            first = False

    def _allocate(self) -> None:
        self._keys = ctypes.create_string_buffer(self._key_size * self._chunk)
        self._values = ctypes.create_string_buffer(self._value_size * self._chunk)
