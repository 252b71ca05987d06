"""The lines of a file of the kernel in which others choose names."""


def lines(raw: bytes) -> list[bytes]:
    """Splits at newlines alone, which the kernel escapes in names.

    `splitlines` also splits at a carriage return, and in a str at a form feed and others: a
    process or cgroup with such a name would write lines of its own.
    """
    return raw.removesuffix(b"\n").split(b"\n") if raw else []
