import os
import sys
from pathlib import Path

import pytest

from ebpftrace.golang.elf import ElfFile, NotElfError
from tests.support.elfs import program


def test_bytes_are_read_by_address(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", ""))
    with path.open("rb") as file:
        elf = ElfFile(file.fileno())
        (section, _), *segments = elf.candidates()
        assert elf.at(section, 14) == b"\xff Go buildinf:"
        assert [address for address, _ in segments] == [section]
        assert elf.at(section, 1 << 20) == elf.at(section, 41), "no further than the segment"
        assert elf.at(section - 1, 4) == b""


def test_python_is_an_elf_file_without_build_info() -> None:
    fd = os.open(sys.executable, os.O_RDONLY)
    try:
        elf = ElfFile(fd)
        assert list(elf.candidates()), "writable data at least"
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "raw", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x09\x01" + bytes(99)]
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    with path.open("rb") as file, pytest.raises(NotElfError):
        ElfFile(file.fileno())


def test_folder_is_refused(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(NotElfError):
            ElfFile(fd)
    finally:
        os.close(fd)
