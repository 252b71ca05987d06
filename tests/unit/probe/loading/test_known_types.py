"""Answers about the kernel's types are kept, and used only for the same types."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.errors import NoBtfError
from ebpftrace.probe.loading import btf
from ebpftrace.probe.loading.known_types import BTF_PATH, KnownTypes


class FakeBtf:
    """Counts what is decoded and asked."""

    decoded = 0
    asked: list[str] = []  # noqa: RUF012 - replaced for each test

    @classmethod
    def of_kernel(cls, _file: Path) -> "FakeBtf":
        cls.decoded += 1
        return cls()

    def __getattr__(self, method: str) -> Any:
        def answer(name: str) -> Any:
            self.asked.append(f"{method} {name}")
            if name == "missing":
                raise KeyError("the.name")
            return {
                "offset": 24, "size": 3, "has": False, "field_type": "atomic_t",
                "enumerators": {"A": 1}, "tracepoint_args": None, "function_id": 77,
            }[method]  # fmt: skip

        return answer


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeBtf]]:
    monkeypatch.setattr(btf, "Btf", FakeBtf)
    FakeBtf.decoded, FakeBtf.asked = 0, []
    yield FakeBtf


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    file = tmp_path / "vmlinux"
    file.write_bytes(b"types" * 100_000)
    return file


def ask_all(types: KnownTypes) -> list[Any]:
    return [
        types.offset("a.b"), types.size("a"), types.has("a.c"), types.field_type("a.b"),
        types.enumerators("e"), types.tracepoint_args("t"), types.function_id("f"),
    ]  # fmt: skip


def test_second_start_decodes_nothing(tmp_path: Path, blob: Path) -> None:
    first = KnownTypes(tmp_path / "cache", blob)
    answers = ask_all(first)
    with pytest.raises(KeyError, match=r"the\.name"):
        first.offset("missing")
    first.keep()
    assert FakeBtf.decoded == 1
    second = KnownTypes(tmp_path / "cache", blob)
    assert ask_all(second) == answers == [24, 3, False, "atomic_t", {"A": 1}, None, 77]
    with pytest.raises(KeyError, match=r"the\.name"):
        second.offset("missing")
    second.keep()
    assert FakeBtf.decoded == 1
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_new_question_is_added_to_the_answers(tmp_path: Path, blob: Path) -> None:
    for name in ("a", "b", "a"):
        types = KnownTypes(tmp_path, blob)
        types.size(name)
        types.keep()
    assert FakeBtf.asked == ["size a", "size b"]


def test_same_question_is_decoded_once_where_nothing_can_be_kept(blob: Path) -> None:
    types = KnownTypes(Path("/dev/null/cache"), blob)
    assert (types.size("a"), types.size("a")) == (3, 3)
    types.keep()
    assert FakeBtf.asked == ["size a"]


@pytest.mark.parametrize("part", range(5))
def test_other_kernel_is_asked_anew(
    tmp_path: Path, blob: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = KnownTypes(tmp_path, blob)
    first.size("a")
    first.keep()
    names = list(os.uname())
    names[part] += "x"
    monkeypatch.setattr(os, "uname", lambda: names)
    KnownTypes(tmp_path, blob).size("a")
    assert FakeBtf.asked == ["size a"] * 2


NO_BUILD_ID = struct.pack("=III", 4, 1, 6) + b"Xen\0" + bytes(4)
BUILD_ID = struct.pack("=III", 4, 4, 3) + b"GNU\0" + b"\1\2\3\4"


@pytest.mark.parametrize("notes", [None, b"", NO_BUILD_ID])
def test_other_types_of_a_kernel_without_build_id_are_asked_anew(
    tmp_path: Path, blob: Path, notes: bytes | None
) -> None:
    file = tmp_path / "notes"
    if notes is not None:
        file.write_bytes(notes)
    first = KnownTypes(tmp_path, blob, file)
    first.size("a")
    first.keep()
    KnownTypes(tmp_path, blob, file).size("a")
    assert FakeBtf.decoded == 1
    blob.write_bytes(b"tipes" * 100_000)
    KnownTypes(tmp_path, blob, file).size("a")
    assert FakeBtf.decoded == 2


def test_kernel_of_another_build_id_is_asked_anew(tmp_path: Path, blob: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_bytes(NO_BUILD_ID + BUILD_ID)
    first = KnownTypes(tmp_path, blob, notes)
    first.size("a")
    first.keep()
    KnownTypes(tmp_path, blob, notes).size("a")
    assert FakeBtf.decoded == 1
    notes.write_bytes(NO_BUILD_ID + BUILD_ID[:-1] + b"\5")
    KnownTypes(tmp_path, blob, notes).size("a")
    assert FakeBtf.decoded == 2


def test_types_of_another_length_are_asked_anew(tmp_path: Path, blob: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_bytes(BUILD_ID)
    first = KnownTypes(tmp_path, blob, notes)
    first.size("a")
    first.keep()
    blob.write_bytes(b"types" * 100_001)
    KnownTypes(tmp_path, blob, notes).size("a")
    assert FakeBtf.decoded == 2


def test_types_are_not_read_where_the_kernel_has_a_build_id(tmp_path: Path, blob: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_bytes(BUILD_ID)
    first = KnownTypes(tmp_path, blob, notes)
    first.size("a")
    first.keep()
    blob.write_bytes(b"tipes" * 100_000)
    KnownTypes(tmp_path, blob, notes).size("a")
    assert FakeBtf.decoded == 1


@pytest.mark.parametrize("rest", [b"", b"[", b"[]", b"7", b"\xff"])
def test_damaged_file_is_not_used(tmp_path: Path, blob: Path, rest: bytes) -> None:
    first = KnownTypes(tmp_path, blob)
    first.size("a")
    first.keep()
    (file,) = tmp_path.glob("*.types")
    file.write_bytes(file.read_bytes().partition(b"\0")[0] + b"\0" + rest)
    second = KnownTypes(tmp_path, blob)
    assert second.size("a") == 3
    second.keep()
    assert json.loads(file.read_bytes().partition(b"\0")[2]) == {"size a": [3]}


def test_file_of_another_user_is_not_used(tmp_path: Path, blob: Path) -> None:
    first = KnownTypes(tmp_path, blob)
    first.size("a")
    first.keep()
    (file,) = tmp_path.glob("*.types")
    file.chmod(0o666)
    KnownTypes(tmp_path, blob).size("a")
    assert FakeBtf.decoded == 2


def test_kernel_without_types_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(NoBtfError):
        KnownTypes(tmp_path, tmp_path / "none").size("a")


@pytest.mark.skipif(not BTF_PATH.exists(), reason=f"this kernel has no {BTF_PATH}")
def test_kept_answers_are_those_of_this_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    decoded = btf.Btf.of_kernel(BTF_PATH)
    KnownTypes(tmp_path).keep()
    for _ in range(2):
        types = KnownTypes(tmp_path)
        assert types.offset("mm_struct.total_vm") == decoded.offset("mm_struct.total_vm")
        assert types.size("percpu_counter") == decoded.size("percpu_counter")
        assert types.tracepoint_args("rss_stat") == decoded.tracepoint_args("rss_stat")
        types.keep()
