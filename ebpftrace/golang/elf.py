"""Just enough of ELF to read bytes by address, with a few small reads of a large file.

A job can run any file, also one that was made to be slow to read: the bytes read of a file
are bounded in all, and each table is read once. Source: elf(5). Addresses are those of the
file's own program headers.
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
_NOTES = 16
READ_LIMIT = 1 << 20
"""Bytes read of a file in all. Of a large Go program it is some 100 KiB."""
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
    """An open ELF file. The constructor raises NotElfError for another file.

    Every method raises NotElfError once the file has cost READ_LIMIT bytes.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._left = READ_LIMIT
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotElfError("not a regular file")
        ident = self._pread(16, 0)
        if len(ident) < 16 or ident[:4] != b"\x7fELF" or ident[4] not in (1, 2):
            raise NotElfError("no ELF header")
        if ident[5] not in (1, 2):
            raise NotElfError("unknown byte order")
        self._wide = ident[4] == 2
        self._order = "<" if ident[5] == 1 else ">"
        header = struct.Struct(
            self._order + ("HHIQQQIHHHHHH" if self._wide else "HHIIIIIHHHHHH")
        )
        raw = self._pread(header.size, 16)
        if len(raw) < header.size:
            raise NotElfError("truncated")
        fields = header.unpack(raw)
        self._phoff, self._shoff = fields[4], fields[5]
        self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx = fields[8:]
        segments = tuple(self._read_segments())
        self._segments = tuple(segment for segment in segments if segment.kind == _PT_LOAD)
        self._notes = tuple(segment for segment in segments if segment.kind == _PT_NOTE)
        self._sections: dict[bytes, tuple[int, int]] | None = None

    def at(self, address: int, size: int) -> bytes:
        """Up to `size` bytes at an address; fewer at a segment's end, none outside."""
        for segment in self._segments:
            skip = address - segment.address
            if 0 <= skip < segment.size:
                return self._pread(min(size, segment.size - skip), segment.offset + skip)
        return b""

    def candidates(self) -> Iterator[tuple[int, int]]:
        """(address, size) where build info may be: its section, else writable data."""
        section = self._go_sections().get(_SECTION)
        if section is not None:
            yield section
        for segment in self._segments:
            if segment.flags & _PF_W and not segment.flags & _PF_X:
                yield segment.address, segment.size

    def is_go(self) -> bool:
        """Whether Go's linker made it, by its note or its sections. False if both are gone."""
        return bool(self._go_sections()) or any(
            _GO_NOTE in self._pread(min(note.size, _NOTES_LIMIT), note.offset)
            for note in self._notes[:_NOTES]
        )

    def _read_segments(self) -> Iterator[_Segment]:
        layout = "IIQQQQ8x8x" if self._wide else "IIIIIII4x"
        for fields in self._table(layout, self._phoff, self._phentsize, self._phnum):
            if self._wide:
                kind, flags, offset, address, _, size = fields
            else:
                kind, offset, address, _, size, _, flags = fields
            if kind in (_PT_LOAD, _PT_NOTE):
                yield _Segment(kind, address, offset, size, flags)

    def _go_sections(self) -> dict[bytes, tuple[int, int]]:
        """(address, size) of each section that only Go's linker makes, by its name."""
        if self._sections is None:
            self._sections = dict(self._read_sections())
        return self._sections

    def _read_sections(self) -> Iterator[tuple[bytes, tuple[int, int]]]:
        layout = "IIQQQQ8x16x" if self._wide else "IIIIII16x"
        headers = self._table(layout, self._shoff, self._shentsize, self._shnum)
        if self._shstrndx >= len(headers):
            return
        _, _, _, _, names_offset, names_size = headers[self._shstrndx]
        names = self._pread(min(names_size, _NAMES_LIMIT), names_offset)
        for name, _, _, address, _, size in headers:
            for wanted in _GO_SECTIONS:
                if names[name : name + len(wanted) + 1] == wanted + b"\0":
                    yield wanted, (address, size)

    def _table(self, layout: str, offset: int, entry: int, count: int) -> list[tuple[int, ...]]:
        """The entries of a table of headers, read at once. NotElfError if it is cut off."""
        fields = struct.Struct(self._order + layout)
        if not count:
            return []
        if entry != fields.size:
            raise NotElfError(f"headers of {entry} bytes")
        size = min(count, _HEADERS) * entry
        raw = self._pread(size, offset)
        if len(raw) < size:
            raise NotElfError("truncated")
        return list(fields.iter_unpack(raw))

    def _pread(self, size: int, offset: int) -> bytes:
        if size > self._left:
            raise NotElfError("too much to read")
        try:
            raw = os.pread(self._fd, size, offset)
        except (OverflowError, OSError, ValueError) as error:
            raise NotElfError(f"unreadable offset {offset:#x}") from error
        self._left -= len(raw)
        return raw
