from pathlib import Path

import pytest

from ebpftrace.host import meminfo


def test_meminfo_of_this_machine() -> None:
    total, available = meminfo.read()
    assert 0 < available <= total


def test_meminfo_is_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    file = tmp_path / "proc" / "meminfo"
    file.write_text("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:   512 kB\n")
    assert meminfo.read(tmp_path) == (2 << 20, 512 << 10)
    file.write_text("MemTotal:  2048 kB\n")  # kernels before 3.14
    with pytest.raises(KeyError):
        meminfo.read(tmp_path)
