"""The generated module, and the replacement that gopls cannot forget."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.demo.workspace import GENERATED, OPENED, regenerate, write_module


def test_regenerated_file_is_new_and_old_enough_for_gopls(tmp_path: Path) -> None:
    write_module(tmp_path)
    with (tmp_path / GENERATED).open() as held:  # so that its inode cannot be reused
        regenerate(tmp_path, 1)
        new = (tmp_path / GENERATED).stat()
        assert new.st_ino != Path(f"/proc/self/fd/{held.fileno()}").stat().st_ino
    assert time.time() - new.st_mtime > 2
    assert new.st_size > 4_000_000
    assert not (tmp_path / f"{GENERATED}.new").exists()


def test_written_module_is_valid_go(tmp_path: Path) -> None:
    gofmt = shutil.which("gofmt") or shutil.which("gofmt", path="/usr/local/go/bin")
    if gofmt is None:
        pytest.skip("needs gofmt, a part of Go")
    write_module(tmp_path)
    answer = subprocess.run(
        [gofmt, "-l", tmp_path / OPENED, tmp_path / GENERATED],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == ""
