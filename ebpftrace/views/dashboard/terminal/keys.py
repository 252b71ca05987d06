"""Decodes the bytes from a terminal into the names of keys.

Source: xterm's control sequences (ctlseqs), which current terminals follow, with the
variants of the Linux console, rxvt and screen.
"""

ESCAPE = "escape"

_SEQUENCES = {
    "[A": "up", "[B": "down", "[C": "right", "[D": "left",
    "OA": "up", "OB": "down", "OC": "right", "OD": "left",
    "[5~": "page up", "[6~": "page down",
    "[H": "home", "[F": "end", "OH": "home", "OF": "end",
    "[1~": "home", "[4~": "end", "[7~": "home", "[8~": "end",
    "[3~": "delete",
}  # fmt: skip
_CONTROLS = {
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\t": "tab",
    "\x15": "ctrl-u", "\x0c": "ctrl-l", "\x04": "ctrl-d", "\x06": "page down",
    "\x02": "page up",
}  # fmt: skip


class KeyDecoder:
    """Decodes a stream of bytes; a sequence may arrive in parts."""

    def __init__(self) -> None:
        self._pending = b""

    @property
    def incomplete(self) -> bool:
        """True if the last bytes may begin a sequence: call `flush` if nothing follows soon."""
        return bool(self._pending)

    def feed(self, received: bytes) -> list[str]:
        """The keys completed by `received`. A printable character is its own name."""
        self._pending += received
        return self._take(final=False)

    def flush(self) -> list[str]:
        """The keys in the remaining bytes: nothing followed, so a lone escape is a key."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> list[str]:
        keys: list[str] = []
        while self._pending:
            key, used = _first(self._pending, final=final)
            if not used:
                break
            self._pending = self._pending[used:]
            if key:
                keys.append(key)
        return keys


def _first(received: bytes, *, final: bool) -> tuple[str, int]:
    """A key ("" if it has no name) and its number of bytes; 0 if it is not complete yet."""
    if received[0] == 0x1B:
        return _escaped(received, final=final)
    size = _utf8_size(received[0])
    if len(received) < size and not final:
        return "", 0
    char = received[:size].decode("utf-8", "ignore")
    if char in _CONTROLS:
        return _CONTROLS[char], size
    return (char if char.isprintable() else ""), size


def _escaped(received: bytes, *, final: bool) -> tuple[str, int]:
    if len(received) == 1:
        return (ESCAPE, 1) if final else ("", 0)
    if received[1:2] not in (b"[", b"O"):
        # Alt and a key, or escape followed by a key: the escape counts.
        return ESCAPE, 1
    for end in range(2, len(received)):
        if 0x40 <= received[end] <= 0x7E and not (end == 2 and received[2:3] == b"["):
            sequence = received[1 : end + 1].decode("ascii", "ignore")
            if sequence[:3] == "[M":  # a mouse report of the old kind: three bytes follow
                return "", min(len(received), end + 4)
            return _SEQUENCES.get(_unmodified(sequence), ""), end + 1
    return ("", len(received)) if final else ("", 0)


def _unmodified(sequence: str) -> str:
    """`[1;5A` (with Ctrl) is `[A`; `[5;2~` is `[5~`."""
    head, separator, _modifier = sequence[:-1].partition(";")
    if not separator:
        return sequence
    return ("[" if head == "[1" and sequence[-1] != "~" else head) + sequence[-1]


def _utf8_size(first: int) -> int:
    return 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1
