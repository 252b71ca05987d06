"""Small ELF files with Go build info, in the layouts that real compilers here do not make."""

import struct

INLINE = "inline"  # Go 1.18 and later
POINTERS = "pointers"  # before

_BASE = 0x400000
_DATA = 0x1000  # where the build info lies, in the file and above _BASE
_FRAME = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"  # any 16 bytes will do


def program(
    version: str,
    text: str,
    layout: str = INLINE,
    wide: bool = True,
    order: str = "little",
    sections: bool = True,
) -> bytes:
    """An executable of one writable segment, with or without section headers."""
    mark = "<" if order == "little" else ">"
    framed = _FRAME + text.encode() + _FRAME if text else b""
    blob = (
        _inline(version, framed) if layout == INLINE else _pointed(version, framed, wide, mark)
    )
    names = b"\0.go.buildinfo\0.shstrtab\0"
    names_at = _DATA + len(blob)
    sections_at = names_at + len(names)
    count = 3 if sections else 0
    header_size, segment_size, section_size = (64, 56, 64) if wide else (52, 32, 40)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "little" else 2, 1]) + bytes(9)
    header = ident + struct.pack(
        mark + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        *(2, 62, 1, _BASE, header_size, sections_at if sections else 0, 0),
        *(header_size, segment_size, 1, section_size, count, 2 if sections else 0),
    )
    size = len(blob)
    address = _BASE + _DATA
    if wide:
        segment = struct.pack(mark + "IIQQQQQQ", 1, 6, _DATA, address, address, size, size, 16)
    else:
        segment = struct.pack(mark + "IIIIIIII", 1, _DATA, address, address, size, size, 6, 16)
    table = b""
    if sections:
        layout_of = mark + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
        for name, at, where, length in (
            (0, 0, 0, 0),
            (1, address, _DATA, size),
            (15, 0, names_at, len(names)),
        ):
            table += struct.pack(layout_of, name, 1, 0, at, where, length, 0, 0, 1, 0)
    return (header + segment).ljust(_DATA, b"\0") + blob + names + table


def _inline(version: str, framed: bytes) -> bytes:
    head = (b"\xff Go buildinf:" + bytes([8, 2])).ljust(32, b"\0")
    return head + b"".join(_varint(len(part)) + part for part in (version.encode(), framed))


def _pointed(version: str, framed: bytes, wide: bool, mark: str) -> bytes:
    word = mark + ("QQ" if wide else "II")
    pair = struct.calcsize(word)
    start = _BASE + _DATA
    strings = start + 32 + 2 * pair
    raw = version.encode()
    pointers = struct.pack(word, start + 32, start + 32 + pair)
    head = b"\xff Go buildinf:" + bytes([8 if wide else 4, 1 if mark == ">" else 0]) + pointers
    return (
        head.ljust(32, b"\0")
        + struct.pack(word, strings, len(raw))
        + struct.pack(word, strings + len(raw), len(framed))
        + raw
        + framed
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
