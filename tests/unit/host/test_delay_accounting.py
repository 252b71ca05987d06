import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import Delays
from ebpftrace.host.delay_accounting import available, parse


def record(version: int, size: int, **fields: int) -> bytes:
    raw = bytearray(size)
    struct.pack_into("=H", raw, 0, version)
    for offset, value in fields.items():
        struct.pack_into("=Q", raw, int(offset[1:]), value)
    return bytes(raw)


def test_layout_of_most_versions_is_parsed() -> None:
    raw = record(16, 560, o56=1, o320=2, o336=3)
    assert parse(raw) == Delays(swapin_ns=1, reclaim_ns=2, thrashing_ns=3)


def test_layout_of_version_15_is_parsed() -> None:
    raw = record(15, 560, o88=1, o368=2, o400=3)
    assert parse(raw) == Delays(swapin_ns=1, reclaim_ns=2, thrashing_ns=3)


def test_version_8_has_no_thrashing() -> None:
    assert parse(record(8, 328, o56=1, o320=2)) == Delays(1, 2, 0)


@given(st.binary(max_size=600))
def test_any_record_is_parsed_or_refused(raw: bytes) -> None:
    try:
        assert parse(raw).reclaim_ns >= 0
    except ValueError as error:
        assert "taskstats" in str(error)


@pytest.mark.parametrize(("text", "expected"), [("1\n", True), ("0\n", False)])
def test_sysctl_decides_availability(tmp_path: Path, text: str, expected: bool) -> None:
    folder = tmp_path / "proc/sys/kernel"
    folder.mkdir(parents=True)
    (folder / "task_delayacct").write_text(text)
    assert available(tmp_path) is expected


def test_kernel_without_the_sysctl_has_no_delays(tmp_path: Path) -> None:
    assert available(tmp_path) is False


def test_availability_does_not_import_pyroute2() -> None:
    code = (
        "import sys; from ebpftrace.host import delay_accounting; "
        "delay_accounting.available(); "
        "sys.exit(any(name.partition('.')[0] in ('pyroute2', 'asyncio', 'ssl')"
        " for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
