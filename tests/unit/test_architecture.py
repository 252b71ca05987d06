"""ebpftrace/architecture.py holds all that differs between architectures, and is right here."""

import re
from pathlib import Path

import pytest

from ebpftrace.architecture import ARCHITECTURES, HERE, Architecture
from ebpftrace.errors import ProbeError
from ebpftrace.probe import calls, watchdog
from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading import layout
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.probe.loading.known_types import BTF_PATH

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.compile(
    r"x86|x64|amd64|i386|aarch64|arm64|riscv|s390|ppc64|\bdi\b|platform\.machine"
)
NAMED_IN = {
    "ebpftrace/architecture.py",
    "ebpftrace/probe/watchdog.py",  # imports nothing of the package
}
NO_BTF: Btf = None  # type: ignore[assignment]
needs_btf = pytest.mark.skipif(not BTF_PATH.exists(), reason="this kernel publishes no BTF")


def test_no_other_file_of_the_product_names_an_architecture() -> None:
    sources = [*(ROOT / "ebpftrace").rglob("*.py"), *(ROOT / "bpf").rglob("*.[ch]")]
    naming = {
        str(path.relative_to(ROOT))
        for path in sources
        if NAMES.search(path.read_text(encoding="utf-8"))
    }
    assert naming == NAMED_IN


def test_watchdog_has_the_same_numbers() -> None:
    assert {name: row.bpf for name, row in ARCHITECTURES.items()} == watchdog._NUMBER


@needs_btf
def test_functions_and_registers_are_in_the_types_of_this_kernel() -> None:
    assert HERE.calls is not None
    btf = Btf.of_kernel()
    for call in calls.CALLS:
        assert btf.function_id(HERE.calls.prefix + call)
    flags = layout._register_flags(btf)
    assert flags.keys() == {"AT_FIRST", "AT_SECOND", "AT_RESULT"}
    assert all(0 <= at < btf.size("pt_regs") and at % 8 == 0 for at in flags.values())


class Arm64Registers:
    """The part of an arm64 kernel's types that has its registers."""

    def has(self, path: str) -> bool:
        return path == "pt_regs.regs"

    def offset(self, path: str) -> int:
        assert path == "pt_regs.regs"
        return 16


def test_register_in_an_array_is_found_by_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    btf: Btf = Arm64Registers()  # type: ignore[assignment]
    monkeypatch.setattr(layout, "HERE", ARCHITECTURES["aarch64"])
    assert layout._register_flags(btf) == {"AT_FIRST": 16, "AT_SECOND": 24, "AT_RESULT": 16}
    monkeypatch.setattr(layout, "HERE", ARCHITECTURES["x86_64"])  # another kernel's types
    assert layout._register_flags(btf) == {}


def test_untried_architecture_has_system_call_tracepoints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "events/syscalls/sys_enter_mmap").mkdir(parents=True)
    monkeypatch.setattr(calls, "_TRACEFS", (tmp_path,))
    monkeypatch.setattr(calls, "_KPROBE_PMU", tmp_path)
    monkeypatch.setattr(calls, "HERE", Architecture())
    assert calls.choose(NO_BTF) is CallTraceMethod.TRACEPOINT
    with pytest.raises(ProbeError, match="cannot be counted separately"):
        calls.choose(NO_BTF, CallTraceMethod.KPROBE)
