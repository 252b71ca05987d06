"""The main package and the version of a Go program, read from its build info.

Source: Go's debug/buildinfo and cmd/link/internal/ld/data.go (the blob's layout),
debug/elf (the container), runtime/debug.ParseBuildInfo (the module text).
"""

import os
from collections import OrderedDict
from dataclasses import dataclass
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
_SEARCHED = 256 << 10  # bytes of each segment; Go's linker puts it at the beginning
_MISPLACED = 64  # marks elsewhere; Go's own tools have the mark as a constant
_TEXT_LIMIT = 256 << 10  # of the largest programs known it has some 50 KiB
_VERSION_LIMIT = 4 << 10
_FRAME = 16  # the module text lies between two random markers of this length
_CACHED_FILES = 256


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program that Go's linker made. `main_package` is "" if its build info has none, and
    None if it has no build info: a linker option, another build tool or a packer left it out.
    """

    main_package: str | None


_cache: OrderedDict[tuple[int, int, int, int], GoProgram | None] = OrderedDict()


def read_main_package(path: Path) -> str | None:
    """The import path of the main package of an executable, or of /proc/PID/exe.

    "" if it was built without modules; None if it is not a Go program, has no build info, or
    the file is missing, malformed or not readable.
    """
    program = read_go_program(path)
    return None if program is None else program.main_package


def read_go_program(path: Path) -> GoProgram | None:
    """What is known of an executable, or of /proc/PID/exe; None if it is no Go program.

    None also if the file is missing, malformed or not readable. Results are cached by
    device, inode, time of change and size.
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
        program = _cache[key] = _program(fd)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(_cache) > _CACHED_FILES:
        _cache.popitem(last=False)
    return program


def read_main_version(path: Path) -> str:
    """The version of an executable's main module; "" if that is not known.

    Nothing is cached: it may be called on any thread.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        fields = (_field(ElfFile(fd), b"mod") or b"").split(b"\t")  # path, version, sum
        return clean(fields[1]) if len(fields) > 1 else ""
    except (OSError, NotElfError):
        return ""
    finally:
        os.close(fd)


def _program(fd: int) -> GoProgram | None:
    try:
        elf = ElfFile(fd)
        package = _field(elf, b"path")
        if package is not None:
            return GoProgram(clean(package))
        return GoProgram(None) if elf.is_go() else None
    except NotElfError:
        return None


def _field(elf: ElfFile, wanted: bytes) -> bytes | None:
    """The rest of the line that begins with `wanted`, in the module text."""
    for address, size in elf.candidates():
        offset = _find(elf, address, size)
        if offset is not None and (found := _decode(elf, offset, wanted)) is not None:
            return found
    return None


def _find(elf: ElfFile, address: int, size: int) -> int | None:
    data = elf.at(address, min(size, _SEARCHED))
    start = data.find(_MAGIC)
    for _ in range(_MISPLACED):
        if start < 0:
            break
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
        version, after = _inline(elf, address + _HEADER, _VERSION_LIMIT)
        module_text, _ = _inline(elf, after, _TEXT_LIMIT)
    else:
        order: _ByteOrder = "big" if flags & _BIG_ENDIAN else "little"
        if pointer_size not in (4, 8):
            return None
        pointers = (header[16 + which * pointer_size :][:pointer_size] for which in (0, 1))
        version, module_text = (
            _by_pointer(elf, int.from_bytes(pointer, order), pointer_size, order, limit)
            for pointer, limit in zip(pointers, (_VERSION_LIMIT, _TEXT_LIMIT), strict=True)
        )
    return _line(module_text, wanted) if version else None


def _inline(elf: ElfFile, address: int, limit: int) -> tuple[bytes, int]:
    """A string that follows its length (a varint), and the address after it.

    It is empty if it is longer than `limit`.
    """
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
    if length > limit:
        return b"", address
    return elf.at(address + used, length), address + used + length


def _by_pointer(elf: ElfFile, where: int, size: int, order: _ByteOrder, limit: int) -> bytes:
    """Before Go 1.18: the header points at two Go string headers (address, length)."""
    pair = elf.at(where, 2 * size)
    if len(pair) < 2 * size:
        return b""
    address = int.from_bytes(pair[:size], order)
    length = int.from_bytes(pair[size:], order)
    return elf.at(address, length) if length <= limit else b""


def _line(framed: bytes, wanted: bytes) -> bytes:
    """The text is not split: it may be a hundred thousand empty lines."""
    end = len(framed) - _FRAME
    if end <= _FRAME or framed[end - 1 : end] != b"\n":
        return b""
    start, mark = _FRAME, wanted + b"\t"
    if not framed.startswith(mark, start):
        start = framed.find(b"\n" + mark, start, end) + 1
        if not start:
            return b""
    return framed[start + len(mark) : framed.index(b"\n", start)]
