"""Text for people: names from outside cleaned, sentences wrapped.

A process chooses its own name, arguments and environment, and a cgroup is named by its
creator. Any of them may hold escape sequences, newlines, right-to-left marks or 4 KiB of
noise. What passed through `clean` is one line of printable text.
"""

PATH_LIMIT = 4096
"""PATH_MAX of linux/limits.h, in bytes: `clean` with this limit cuts no path."""

COLUMNS = 80
"""The width of everything that ebpftrace prints outside the dashboard."""


def clean(raw: bytes | str, limit: int = 256) -> str:
    """One printable line of at most `limit` characters; what is not printable becomes `\\xNN`.

    Bytes are decoded as UTF-8; bytes that are not UTF-8 show as `\\xNN` too. A text that
    was cut ends in `…`.
    """
    if isinstance(raw, bytes):  # a character has four bytes at most: decode no more of it
        text = raw[: 4 * (limit + 1)].decode("utf-8", "backslashreplace")
    else:
        text = raw
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escape(char) for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def wrap(text: str, width: int = COLUMNS, first: str = "", following: str = "") -> list[str]:
    """`text` in lines of at most `width` characters, broken at spaces.

    `first` begins the first line and `following` every other. A word longer than a line is
    broken. An empty text has no lines.
    """
    import textwrap  # a watch with JSON Lines wraps nothing

    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=following,
        break_on_hyphens=False,
    )


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def lines(raw: bytes) -> list[bytes]:
    """Splits at newlines alone, which the kernel escapes in names.

    `splitlines` also splits at a carriage return, and in a str at a form feed and others: a
    process or cgroup with such a name would write lines of its own.
    """
    return raw.removesuffix(b"\n").split(b"\n") if raw else []
