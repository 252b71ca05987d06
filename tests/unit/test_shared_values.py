import pytest

from ebpftrace import shared_values
from ebpftrace.shared_values import SharedBytes, SharedIds
from ebpftrace.units import PAGE_SIZE


def test_equal_values_are_one_object() -> None:
    sizes, ids = SharedBytes(), SharedIds()
    assert sizes[1000] is sizes[1000]
    assert ids[123_456_789] is ids[int("123456789")]


def test_values_are_right_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_values, "_MOST", 4)
    sizes, ids = SharedBytes(), SharedIds()
    for number in (*range(-9, 9), 1 << 60, -(1 << 40), 3, 3):
        assert sizes[number] == number * PAGE_SIZE
        assert ids[number] == number
        assert max(len(sizes), len(ids)) <= 4
