from pathlib import Path

import pytest

from ebpftrace.errors import NoTracefsError, ProbeError
from ebpftrace.probe import calls
from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading.btf import Btf

NO_BTF: Btf = None  # type: ignore[assignment]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kernel on which no method works; folders make them work one by one."""
    monkeypatch.setattr(calls, "_fentry_works", lambda _btf: (tmp_path / "fentry").exists())
    monkeypatch.setattr(calls, "_KPROBE_PMU", tmp_path / "kprobe")
    monkeypatch.setattr(calls, "_TRACEFS", (tmp_path / "tracing",))
    return tmp_path


def test_cheapest_method_that_works_is_chosen(kernel: Path) -> None:
    (kernel / "tracing/events/syscalls/sys_enter_mmap").mkdir(parents=True)
    assert calls.choose(NO_BTF) is CallTraceMethod.TRACEPOINT
    (kernel / "kprobe").mkdir()
    assert calls.choose(NO_BTF) is CallTraceMethod.KPROBE
    (kernel / "fentry").mkdir()
    assert calls.choose(NO_BTF) is CallTraceMethod.FENTRY


def test_missing_tracefs_is_an_error_of_its_own(kernel: Path) -> None:
    with pytest.raises(NoTracefsError):
        calls.choose(NO_BTF)
    (kernel / "tracing/events").mkdir(parents=True)
    with pytest.raises(ProbeError):
        calls.choose(NO_BTF)


def test_wanted_method_is_not_replaced_by_another(kernel: Path) -> None:
    (kernel / "kprobe").mkdir()
    with pytest.raises(ProbeError) as caught:
        calls.choose(NO_BTF, CallTraceMethod.FENTRY)
    assert caught.value.why == "fentry does not work"


def test_only_tracepoints_slow_other_processes() -> None:
    costs = [method.cost for method in CallTraceMethod]
    assert [cost.startswith("every system call") for cost in costs] == [False, False, True]
