"""Whether programs loop by iterators. (For real: tests/kernel/test_programs.py.)"""

import pytest

from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.loops import iterator_calls, without_iterators

NEW = {"bpf_iter_num_new": 70001, "bpf_iter_num_next": 70002, "bpf_iter_num_destroy": 70003}


class Types:
    """The BTF of a kernel that has these functions."""

    def __init__(self, functions: dict[str, int]) -> None:
        self._functions = functions

    def function_id(self, name: str) -> int:
        return self._functions[name]


def calls(functions: dict[str, int]) -> dict[str, int]:
    btf: KernelTypes = Types(functions)  # type: ignore[assignment]
    return iterator_calls(btf)


def test_kernel_with_iterators_has_a_constant_for_each_call() -> None:
    assert calls(NEW) == {
        "ITER_NUM_NEW": 70001, "ITER_NUM_NEXT": 70002, "ITER_NUM_DESTROY": 70003,
    }  # fmt: skip


@pytest.mark.parametrize("missing", list(NEW))
def test_kernel_without_one_of_the_functions_has_none(missing: str) -> None:
    assert calls({name: number for name, number in NEW.items() if name != missing}) == {}


@pytest.mark.parametrize("name", list(NEW))
def test_number_that_is_taken_for_a_helper_is_not_used(name: str) -> None:
    assert calls({**NEW, name: 200}) == {}


def test_flags_without_iterators_keep_the_others_in_order() -> None:
    flags = ("-DCPUS=2ULL", *(f"-D{name}={value}ULL" for name, value in calls(NEW).items()))
    assert without_iterators((*flags, "-DWATERMARKS")) == ("-DCPUS=2ULL", "-DWATERMARKS")
