"""What is loaded where the kernel refuses a program, with a scripted kernel and compiler."""

import pytest

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading import opening
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.objects import Objects
from ebpftrace.probe.loading.programs import RefusedProgramError
from ebpftrace.probe.loading.settings import TABLE_SIZES

PLAIN = ("-DCPUS=2ULL",)
ITERATORS = (*PLAIN, "-DITER_NUM_NEW=70001ULL")


class Types:
    def tracepoint_args(self, _name: str) -> list[str]:
        return []


class Kernel:
    """Refuses what was compiled with one of the `refused` flags."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: set[str] = set()
        self.tried: list[tuple[str, ...]] = []
        self.filled = self.closed = self.meanwhiles = 0
        monkeypatch.setattr(opening, "cached_programs", self._compile)
        monkeypatch.setattr(opening, "Programs", lambda _objects: self)

    def _compile(self, flags: tuple[str, ...], **_options: object) -> Objects:
        self.tried.append(flags)
        return Objects({}, {"on_exec": b"", "adopt": b""})

    def fill(self, _programs: object) -> None:
        self.filled += 1

    def meanwhile(self) -> None:
        self.meanwhiles += 1

    def load_all(self, names: tuple[str, ...], _iterators: object) -> None:
        assert "on_exec" in names
        if self.refused & set(self.tried[-1]):
            raise RefusedProgramError("the kernel refuses the program on_exec")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def load(kernel: Kernel, flags: tuple[str, ...]) -> dict[str, str]:
    btf: KernelTypes = Types()  # type: ignore[assignment]
    _programs, handlers = opening.load_programs(
        flags,
        btf,
        {},
        sizes=TABLE_SIZES,
        urgent=4096,
        fill=kernel.fill,
        meanwhile=kernel.meanwhile,
    )
    return handlers


def test_programs_are_loaded_with_the_flags(kernel: Kernel) -> None:
    assert load(kernel, ITERATORS) == {"on_exec": "exec"}
    assert kernel.tried == [ITERATORS]
    assert (kernel.filled, kernel.meanwhiles, kernel.closed) == (1, 1, 0)


def test_kernel_that_refuses_iterators_gets_bounded_loops(kernel: Kernel) -> None:
    kernel.refused = {ITERATORS[-1]}
    assert load(kernel, ITERATORS) == {"on_exec": "exec"}
    assert kernel.tried == [ITERATORS, PLAIN]
    assert (kernel.filled, kernel.meanwhiles, kernel.closed) == (2, 1, 1)


def test_refusal_for_another_reason_is_reported(kernel: Kernel) -> None:
    kernel.refused = {PLAIN[0]}
    for flags, times in ((PLAIN, 1), (ITERATORS, 2)):
        kernel.tried.clear()
        with pytest.raises(ProbeError, match="refuses the program on_exec"):
            load(kernel, flags)
        assert len(kernel.tried) == times
    assert kernel.closed == 3


def test_another_error_meanwhile_is_not_taken_for_a_refusal(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ProbeError("no view")

    monkeypatch.setattr(kernel, "meanwhile", fail)
    with pytest.raises(ProbeError, match="no view"):
        load(kernel, ITERATORS)
    assert kernel.tried == [ITERATORS]
    assert kernel.closed == 1
