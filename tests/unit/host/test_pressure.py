"""memory.pressure as kernels print it (fake folders); the real one is read in tests/vm."""

from pathlib import Path

import pytest

from ebpftrace.host.pressure import kernel_has_pressure, open_trigger, read_pressure

PRESSURE = """some avg10=3.10 avg60=1.00 avg300=0.25 total=310000
full avg10=1.20 avg60=0.50 avg300=0.10 total=120000
"""


def test_pressure_has_shares_and_totals(tmp_path: Path) -> None:
    (tmp_path / "memory.pressure").write_text(PRESSURE)
    pressure = read_pressure(tmp_path)
    assert pressure is not None
    assert (pressure.some_ns, pressure.full_ns) == (310_000_000, 120_000_000)
    assert pressure.some_share == pytest.approx(0.031)
    assert pressure.full_share == pytest.approx(0.012)


@pytest.mark.parametrize("text", ["", "nothing of the kind\n"])
def test_malformed_pressure_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.pressure").write_text(text)
    assert read_pressure(tmp_path) is None


def test_cgroup_without_pressure_has_none_and_no_trigger(tmp_path: Path) -> None:
    assert read_pressure(tmp_path) is None
    with pytest.raises(FileNotFoundError):
        open_trigger(tmp_path)


def test_kernel_has_pressure_if_its_file_can_be_read(tmp_path: Path) -> None:
    assert not kernel_has_pressure(tmp_path)
    (tmp_path / "proc/pressure").mkdir(parents=True)
    (tmp_path / "proc/pressure/memory").write_text(PRESSURE)
    assert kernel_has_pressure(tmp_path)
