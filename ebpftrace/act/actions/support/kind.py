"""What an action tells about itself, so that a policy's rungs are read without knowing it.

An action's options are a frozen dataclass. Its fields are the keys of the rung's table in
TOML, and their annotations say how a value is written:

    @dataclass(frozen=True, slots=True)
    class Options:
        line: Annotated[str, "the line given to /bin/sh"]
        output_bytes: Annotated[int, "bytes", "how much of its output is kept"] = 64 * KIB
        grace_ns: Annotated[int, "duration", "between TERM and KILL"] = 5 * NS_PER_SECOND
        send: Annotated[tuple[Literal["QUIT", "TERM"], ...], "in this order"] = ("TERM",)
        log: Annotated[Path | None, "where it is appended"] = None

A field is `str`, `bool`, `int`, `float`, `Path` (absolute), `Literal[...]`, a `StrEnum`, a
`tuple[..., ...]` of one of those, `dict[str, str]`, or any of them `| None`. The units
"bytes", "duration" (nanoseconds inside) and "share" (0..1) are written as people write
them, and the suffixes `_bytes` and `_ns` are left out of the key; the other text is the
key's documentation. A field without default is required; one named like a keyword ends in
`_`. What no annotation can say goes into `__post_init__`, as ValueError.
"""

from dataclasses import dataclass

from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class ActionKind:
    """An action as policies know it. `options` is its frozen dataclass type."""

    name: str
    options: type
    doc: str  # one line
    timeout_ns: int = 10 * NS_PER_SECOND  # unless a rung says otherwise
