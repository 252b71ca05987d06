"""The BTF reader, on a blob made here and on the running kernel's where there is one."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.errors import NoBtfError
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.probe.loading.known_types import BTF_PATH

_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _TYPEDEF, _FUNC, _PROTO = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    12,
    13,
)


class Blob:
    """Writes types one after the other; each gets the next id, from 1."""

    def __init__(self) -> None:
        self.types = b""
        self.strings = b"\0"

    def name(self, text: str) -> int:
        if not text:
            return 0
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def type(self, name: str, kind: int, vlen: int, last: int, *words: int) -> None:
        self.types += struct.pack("=III", self.name(name), kind << 24 | vlen, last)
        self.types += struct.pack(f"={len(words)}I", *words)

    def data(self) -> bytes:
        head = struct.pack(
            "=HBBIIIII",
            0xEB9F,
            1,
            0,
            24,
            0,
            len(self.types),
            len(self.types),
            len(self.strings),
        )
        return head + self.types + self.strings


def small() -> bytes:
    blob = Blob()
    blob.type("long", _INT, 0, 8, 64)  # 1
    blob.type("counter", _STRUCT, 1, 8, blob.name("count"), 1, 0)  # 2
    blob.type("", _ARRAY, 0, 0, 2, 1, 4)  # 3: counter[4]
    blob.type("", _UNION, 1, 32, blob.name("hidden"), 3, 0)  # 4
    blob.type("", _PTR, 0, 6)  # 5
    blob.type("mm", _STRUCT, 2, 48, blob.name("first"), 1, 0, 0, 4, 128)  # 6
    blob.type("kinds", _ENUM, 2, 4, blob.name("ONE"), 1, blob.name("TWO"), 2)  # 7
    blob.type("", _PROTO, 3, 0, 0, 5, 0, 5, 0, 1)  # 8: (void *, mm *, long)
    blob.type("", _PTR, 0, 8)  # 9
    blob.type("btf_trace_hit", _TYPEDEF, 0, 9)  # 10
    blob.type("bpf_iter", _FUNC, 1, 8)  # 11
    return blob.data()


def test_fields_of_unnamed_unions_are_found() -> None:
    btf = Btf(small())
    assert btf.offset("mm.first") == 0
    assert btf.offset("mm.hidden") == 16
    assert btf.field_type("mm.hidden") == "counter"
    assert btf.size("mm") == 48
    assert btf.enumerators("kinds") == {"ONE": 1, "TWO": 2}
    assert btf.tracepoint_args("hit") == ["mm*", "long"]
    assert btf.function_id("bpf_iter") == 11
    assert btf.struct_id("mm") == 6


def test_missing_name_is_in_the_error() -> None:
    btf = Btf(small())
    assert btf.tracepoint_args("never") is None
    assert btf.has("mm.first")
    assert not btf.has("mm.nothing")
    assert not btf.has("nothing")
    with pytest.raises(KeyError, match=r"mm\.nothing"):
        btf.offset("mm.nothing")


@given(st.binary(max_size=64))
def test_random_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(NoBtfError):
        Btf(noise)


@given(st.integers(0, len(small()) - 1))
def test_truncated_blob_is_refused(length: int) -> None:
    with pytest.raises(NoBtfError):
        Btf(small()[:length])


def test_kernel_without_btf_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoBtfError, match="does not publish"):
        Btf.of_kernel(tmp_path / "vmlinux")


def test_empty_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "vmlinux"
    empty.touch()
    with pytest.raises(NoBtfError, match="does not publish") as refused:
        Btf.of_kernel(empty)
    assert refused.value.why == f"{empty} is empty"
    assert "mountinfo" in refused.value.fix


@pytest.mark.skipif(not BTF_PATH.exists(), reason=f"this kernel has no {BTF_PATH}")
def test_btf_of_the_running_kernel_is_parsed() -> None:
    btf = Btf.of_kernel()
    assert btf.offset("mem_cgroup.css") == 0  # bpf/kernel.h relies on it
    assert btf.size("mm_struct") > btf.offset("mm_struct.rss_stat") > 0
    args = btf.tracepoint_args("sched_process_fork")
    assert args == ["task_struct*", "task_struct*"]
