"""Marks tests by the folder they are in, and says why one cannot run here."""

from pathlib import Path

import pytest

from tests.support.privileges import kernel_refusal, required

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/kernel is a kernel test, and in tests/e2e/gopls a gopls test."""
    for item in items:
        if item.path.is_relative_to(TESTS / "kernel"):
            item.add_marker(pytest.mark.kernel)
        if item.path.is_relative_to(TESTS / "e2e" / "gopls"):
            item.add_marker(pytest.mark.kernel)
            item.add_marker(pytest.mark.gopls)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Kernel tests skip with the reason, or fail where EBPFTRACE_REQUIRE_KERNEL=1."""
    if item.get_closest_marker("kernel") is None:
        return
    refusal = kernel_refusal()
    if refusal is None:
        return
    if required("kernel"):
        pytest.fail(f"EBPFTRACE_REQUIRE_KERNEL=1, but {refusal}", pytrace=False)
    pytest.skip(f"needs root, BPF and memory cgroups: {refusal}")
