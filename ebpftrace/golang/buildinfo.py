"""The main package and the version of a Go program, read from its build info.

Source: Go's debug/buildinfo and cmd/link/internal/ld/data.go (the blob's layout),
debug/elf (the container), runtime/debug.ParseBuildInfo (the module text).
"""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Literal

from ebpftrace.golang.elf import ElfFile, NotElfError
from ebpftrace.text import clean

_ByteOrder = Literal["little", "big"]

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER = 32
_INLINE = 2  # flag: the strings follow the header (Go 1.18 and later)
_BIG_ENDIAN = 1
_TEXT_LIMIT = 1 << 20
_FRAME = 16  # the module text lies between two random markers of this length
_CACHED_FILES = 256


_cache: OrderedDict[tuple[int, int, int, int], str | None] = OrderedDict()


def read_main_package(path: Path) -> str | None:
    """The import path of the main package of an executable, or of /proc/PID/exe.

    "" if it was built without modules; None if it is not a Go program, or the file is
    missing, malformed or not readable. Results are cached by device, inode, time of change
    and size.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        stat = os.fstat(fd)
        key = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
        found = _read(fd, b"path")
        package = _cache[key] = None if found is None else clean(found)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(_cache) > _CACHED_FILES:
        _cache.popitem(last=False)
    return package


def read_main_version(path: Path) -> str:
    """The version of an executable's main module; "" if that is not known.

    Nothing is cached: it may be called on any thread.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        fields = (_read(fd, b"mod") or b"").split(b"\t")  # path, version, sum
        return clean(fields[1]) if len(fields) > 1 else ""
    except OSError:
        return ""
    finally:
        os.close(fd)


def _read(fd: int, wanted: bytes) -> bytes | None:
    """The rest of the line that begins with `wanted`, in the module text."""
    try:
        elf = ElfFile(fd)
        for address, size in elf.candidates():
            offset = _find(elf, address, size)
            if offset is not None:
                return _decode(elf, offset, wanted)
    except NotElfError:
        return None
    return None


def _find(elf: ElfFile, address: int, size: int) -> int | None:
    data = elf.at(address, min(size, _TEXT_LIMIT))
    start = data.find(_MAGIC)
    while start >= 0:
        if (address + start) % _ALIGN == 0 and len(data) - start >= _HEADER:
            return address + start
        start = data.find(_MAGIC, start + 1)
    return None


def _decode(elf: ElfFile, address: int, wanted: bytes) -> bytes | None:
    header = elf.at(address, _HEADER)
    if len(header) < _HEADER:
        return None
    pointer_size, flags = header[14], header[15]
    if flags & _INLINE:
        version, after = _inline(elf, address + _HEADER)
        module_text, _ = _inline(elf, after)
    else:
        order: _ByteOrder = "big" if flags & _BIG_ENDIAN else "little"
        if pointer_size not in (4, 8):
            return None
        version = _by_pointer(elf, header, 0, pointer_size, order)
        module_text = _by_pointer(elf, header, 1, pointer_size, order)
    return _line(module_text, wanted) if version else None


def _inline(elf: ElfFile, address: int) -> tuple[bytes, int]:
    """A string that follows its length (a varint), and the address after it."""
    raw = elf.at(address, 10)
    length = shift = used = 0
    for byte in raw:
        length |= (byte & 0x7F) << shift
        shift += 7
        used += 1
        if byte < 0x80:
            break
    else:
        return b"", address
    if length > _TEXT_LIMIT:
        return b"", address
    return elf.at(address + used, length), address + used + length


def _by_pointer(elf: ElfFile, header: bytes, which: int, size: int, order: _ByteOrder) -> bytes:
    """Before Go 1.18: the header points at two Go string headers (address, length)."""
    start = 16 + which * size
    where = int.from_bytes(header[start : start + size], order)
    pair = elf.at(where, 2 * size)
    if len(pair) < 2 * size:
        return b""
    address = int.from_bytes(pair[:size], order)
    length = int.from_bytes(pair[size:], order)
    return elf.at(address, length) if length <= _TEXT_LIMIT else b""


def _line(framed: bytes, wanted: bytes) -> bytes:
    framed_well = len(framed) > 2 * _FRAME and framed[-_FRAME - 1 : -_FRAME] == b"\n"
    text = framed[_FRAME:-_FRAME] if framed_well else b""
    for line in text.split(b"\n"):
        kind, _, rest = line.partition(b"\t")
        if kind == wanted:
            return rest
    return b""
