"""Inputs for fuzzing: the files of a corpus, changed in a few places."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).resolve().parents[1] / "fuzz/corpus"

_PIECES = (
    b"\0", b"\n", b"\r", b"\t", b" ", b"\x0b", b"\x0c", b"\x1c", b"\x1e", b"\x85", b"\x1b[2J",
    b":", b"=", b"/", b"..", b"/..", b"(", b") ", b"((", b"))", b"-", b".", b"_", b" kB", b"@",
    b"%", b"*", b"\\", b"\\012", b"\\777", b'"', b"'", b"[", b"{", b"#", b"\xff", b"\xc3",
    b"\xf0\x9f\x92", "\u202e\u2028\u0661\u00b2".encode(), b"-1", b"+1", b"0x10", b"1e9", b"nan",
    b"9" * 30, b"9" * 5000, b"\xff" * 8, b"\x7f" * 4, b"memory", b"kubepods", b"/pod",
)  # fmt: skip


@cache
def corpus_of(target: str) -> dict[str, bytes]:
    """The corpus of one target, by file name."""
    return {file.name: file.read_bytes() for file in sorted((CORPUS / target).iterdir())}


@st.composite
def inputs(draw: st.DrawFn, seeds: Sequence[bytes], most_bytes: int) -> bytes:
    """One of the seeds with a few edits, of which some repeat a part of it many times."""
    raw = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(raw)))
        until = min(len(raw), at + draw(st.sampled_from((0, 1, 2, 4, 8, 40, 1 << 20))))
        match draw(st.sampled_from(("insert", "replace", "repeat", "splice", "cut"))):
            case "insert":
                raw = raw[:at] + draw(_piece()) + raw[at:]
            case "replace":
                raw = raw[:at] + draw(_piece()) + raw[until:]
            case "repeat":
                times = draw(st.sampled_from((2, 3, 70, 600, 5000, most_bytes)))
                raw = raw[:at] + repeated(raw[at:until], times, most_bytes) + raw[until:]
            case "splice":
                raw = raw[:at] + draw(st.sampled_from(seeds))[at:]
            case "cut":
                raw = raw[:at]
        raw = raw[:most_bytes]
    return raw


def repeated(part: bytes, times: int, most_bytes: int) -> bytes:
    """As often, or as much as there is room for."""
    return (part * min(times, most_bytes // max(1, len(part)) + 1))[:most_bytes]


def _piece() -> st.SearchStrategy[bytes]:
    return st.sampled_from(_PIECES) | st.binary(max_size=16)
