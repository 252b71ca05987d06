"""Executables that a job may make so that reading them takes long."""

import struct
from collections.abc import Callable

_HEADER, _SEGMENT, _SECTION = 64, 56, 64
_MAGIC = b"\xff Go buildinf:"
_MIB = 1 << 20
_COUNT = 512
_BODY = 0x20000  # in the file, after the headers


def _file(
    segments: list[tuple[int, int, int, int]],
    sections: list[tuple[int, int, int, int]],
    body: bytes,
    counts: tuple[int, int] | None = None,
) -> bytes:
    """Of segments (kind, offset, address, size) and sections (name, address, offset, size).

    The last section is that of the names. `counts` are what the header says instead.
    """
    sections_at = _HEADER + _SEGMENT * len(segments)
    said = counts or (len(segments), len(sections))
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, _HEADER, sections_at, 0, _HEADER,
        _SEGMENT, said[0], _SECTION, said[1], max(0, len(sections) - 1),
    )  # fmt: skip
    for kind, offset, address, size in segments:
        header += struct.pack("<IIQQQQQQ", kind, 6, offset, address, address, size, size, 16)
    for name, address, offset, size in sections:
        header += struct.pack("<IIQQQQIIQQ", name, 1, 0, address, offset, size, 0, 0, 1, 0)
    return header.ljust(_BODY, b"\0") + body


def _overlapping(body: bytes) -> bytes:
    """Every segment is the whole body, at an address of its own."""
    segments = [(1, _BODY, (index + 1) << 24, len(body)) for index in range(_COUNT)]
    return _file(segments, [], body)


def misplaced_magic() -> bytes:
    """The mark of build info 75,000 times, never where it may be: 512 times a MiB."""
    return _overlapping((b"\0" + (_MAGIC + b"\0\0") * (_MIB // 16))[:_MIB])


def nearly_magic() -> bytes:
    """All but the last byte of the mark, over and over: slow for a search by first bytes."""
    return _overlapping((_MAGIC[:-1] * (_MIB // 13))[:_MIB])


def endless_text() -> bytes:
    """Build info in each of 512 segments; its text of a MiB has no such line."""
    return _overlapping(_build_info(b"\n" * (_MIB - 200)))


def text_of_lines() -> bytes:
    """As long a text as is read, all of it empty lines."""
    return _overlapping(_build_info(b"\n" * ((256 << 10) - 100)))


def long_package() -> bytes:
    """A main package of 200 KiB of bytes that are not UTF-8."""
    return _overlapping(_build_info(b"path\t" + b"\xff" * (200 << 10) + b"\n"))


def many_sections() -> bytes:
    """65,535 sections and segments, as its header says, and names that nearly match."""
    names = b".go.buildinfp" * 5000
    at = _BODY
    sections = [(13 * index, 0, at, len(names)) for index in range(2000)]
    return _file([(4, at, 0, _MIB)] * 60, sections, names, (0xFFFF, 2000))


def overlapping_notes() -> bytes:
    """512 notes, all of them one MiB of the file, and no other segment."""
    return _file([(4, _BODY, 0, _MIB)] * _COUNT, [], bytes(_MIB))


def section_of_all() -> bytes:
    """Sections called .go.buildinfo that are each as large as an address allows."""
    names = b"\0.go.buildinfo\0"
    sections = [(1, 0x1000000, _BODY, 1 << 62)] * (_COUNT - 1) + [(0, 0, _BODY, len(names))]
    segments = [(1, _BODY, 0x1000000, 1 << 62)] * _COUNT
    return _file(segments, sections, names + bytes(_MIB))


def far_away() -> bytes:
    """Tables and segments at the end of what an offset can say."""
    raw = bytearray(_file([(1, (1 << 63) - 8, 0, 1 << 63)] * _COUNT, [], b""))
    raw[40:48] = struct.pack("<Q", (1 << 64) - 1)
    raw[60:64] = struct.pack("<HH", 0xFFFF, 0xFFFE)
    return bytes(raw)


def entries_of_no_size() -> bytes:
    """Headers that are 0 bytes apart: one header, 65,535 times."""
    raw = bytearray(misplaced_magic())
    raw[54:58] = struct.pack("<HH", 0, 0xFFFF)
    return bytes(raw)


def _build_info(text: bytes) -> bytes:
    framed = bytes(16) + text + bytes(16)
    head = (_MAGIC + bytes([8, 2])).ljust(32, b"\0")
    return head + b"\x06go1.22" + _varint(len(framed)) + framed


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


SLOW_ELFS: dict[str, Callable[[], bytes]] = {
    make.__name__: make
    for make in (
        misplaced_magic, nearly_magic, endless_text, text_of_lines, long_package,
        many_sections, overlapping_notes, section_of_all, far_away, entries_of_no_size,
    )
}  # fmt: skip
