"""Just enough of ELF to read bytes by address, with a few small reads of a large file.

Source: elf(5). Addresses are those of the file's own program headers.
"""

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PT_LOAD, _PT_NOTE = 1, 4
_PF_X, _PF_W = 1, 2
_HEADERS = 512  # of sections or segments; real programs have about 30
_NAMES_LIMIT = 64 << 10
_NOTES_LIMIT = 4 << 10
_SECTION = b".go.buildinfo"
_GO_SECTIONS = (
    _SECTION,
    b".note.go.buildid",
    b".gopclntab",
    b".data.rel.ro.gopclntab",
    b".gosymtab",
)
_GO_NOTE = b"Go\0\0"  # the name of the note that has the build id


class NotElfError(ValueError):
    """The file is not an ELF executable, or is truncated or malformed."""


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    address: int
    offset: int
    size: int
    flags: int


class ElfFile:
    """An open ELF file. The constructor raises NotElfError for another file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotElfError("not a regular file")
        ident = os.pread(fd, 16, 0)
        if len(ident) < 16 or ident[:4] != b"\x7fELF" or ident[4] not in (1, 2):
            raise NotElfError("no ELF header")
        if ident[5] not in (1, 2):
            raise NotElfError("unknown byte order")
        self._wide = ident[4] == 2
        self._order = "<" if ident[5] == 1 else ">"
        header = "HHIQQQIHHHHHH" if self._wide else "HHIIIIIHHHHHH"
        fields = self._unpack(header, 16)
        self._phoff, self._shoff = fields[4], fields[5]
        self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx = fields[8:]
        segments = tuple(self._read_segments())
        self._segments = tuple(segment for segment in segments if segment.kind == _PT_LOAD)
        self._notes = tuple(segment for segment in segments if segment.kind == _PT_NOTE)

    def at(self, address: int, size: int) -> bytes:
        """Up to `size` bytes at an address; fewer at a segment's end, none outside."""
        for segment in self._segments:
            skip = address - segment.address
            if 0 <= skip < segment.size:
                return self._pread(min(size, segment.size - skip), segment.offset + skip)
        return b""

    def candidates(self) -> Iterator[tuple[int, int]]:
        """(address, size) where build info may be: its section, else writable data."""
        section = self._section(_SECTION)
        if section is not None:
            yield section
        for segment in self._segments:
            if segment.flags & _PF_W and not segment.flags & _PF_X:
                yield segment.address, segment.size

    def is_go(self) -> bool:
        """Whether Go's linker made it, by its note or its sections. False if both are gone."""
        notes = (self._pread(min(note.size, _NOTES_LIMIT), note.offset) for note in self._notes)
        return any(_GO_NOTE in note for note in notes) or any(
            self._section(name) is not None for name in _GO_SECTIONS
        )

    def _read_segments(self) -> Iterator[_Segment]:
        for index in range(min(self._phnum, _HEADERS)):
            at = self._phoff + index * self._phentsize
            if self._wide:
                kind, flags, offset, address, _, size = self._unpack("IIQQQQ", at)
            else:
                kind, offset, address, _, size, _, flags = self._unpack("IIIIIII", at)
            if kind in (_PT_LOAD, _PT_NOTE):
                yield _Segment(kind, address, offset, size, flags)

    def _section(self, wanted: bytes) -> tuple[int, int] | None:
        count = min(self._shnum, _HEADERS)
        if not count or self._shstrndx >= count:
            return None
        _, _, names_offset, names_size = self._section_header(self._shstrndx)
        names = self._pread(min(names_size, _NAMES_LIMIT), names_offset)
        for index in range(count):
            name, address, _, size = self._section_header(index)
            if names[name : name + len(wanted) + 1] == wanted + b"\0":
                return address, size
        return None

    def _section_header(self, index: int) -> tuple[int, int, int, int]:
        """(name, address, offset, size)"""
        layout = "IIQQQQ" if self._wide else "IIIIII"
        name, _, _, address, offset, size = self._unpack(
            layout, self._shoff + index * self._shentsize
        )
        return name, address, offset, size

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        size = struct.calcsize(self._order + layout)
        raw = self._pread(size, offset)
        if len(raw) < size:
            raise NotElfError("truncated")
        return struct.unpack(self._order + layout, raw)

    def _pread(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, size, offset)
        except (OverflowError, OSError, ValueError) as error:
            raise NotElfError(f"unreadable offset {offset:#x}") from error
