"""Text from strangers, cleaned once, at the door.

A process chooses its own name, arguments and environment; a cgroup is named by
whoever made it. Any of them may hold escape sequences, newlines, right-to-left marks
or 4 KiB of noise. What passed through `clean` is one line of printable text.
"""


def clean(raw: bytes | str, limit: int = 256) -> str:
    """One printable line of at most `limit` characters; what is not printable becomes `\\xNN`.

    Bytes are decoded as UTF-8; bytes that are not UTF-8 show as `\\xNN` too. A text that
    was cut ends in `…`.
    """
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    text = "".join(char if char.isprintable() else _escape(char) for char in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
