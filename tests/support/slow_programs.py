"""An executable that runs, and that was made so that searching it takes long."""

import struct

_MAGIC = b"\xff Go buildinf:"
_MIB = 1 << 20
_PAGE = 4096
_SEGMENTS = 60  # before Linux 5.18 their headers must fit into a page
_PAUSE = bytes.fromhex("b822000000 0f05 ebf7")  # of x86-64: pause(2), again and again
_READ, _WRITE, _EXECUTE = 4, 2, 1


def slow_program() -> bytes:
    """60 segments are one MiB of the file, with 75,000 marks of build info in wrong places."""
    code_at, data_at = _PAGE, 2 * _PAGE
    segments = [(_READ | _EXECUTE, code_at, 0x600000 + code_at, len(_PAUSE))]
    segments += [
        (_READ | _WRITE, data_at, ((number + 1) << 24) + data_at, _MIB)
        for number in range(_SEGMENTS)
    ]
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH",
        2,
        62,
        1,
        0x600000 + code_at,
        64,
        0,
        0,
        64,
        56,
        len(segments),
        64,
        0,
        0,
    )
    for flags, offset, address, size in segments:
        header += struct.pack(
            "<IIQQQQQQ", 1, flags, offset, address, address, size, size, _PAGE
        )
    marks = (b"\0" + (_MAGIC + b"\0\0") * (_MIB // 16))[:_MIB]
    return header.ljust(code_at, b"\0") + _PAUSE.ljust(_PAGE, b"\0") + marks
