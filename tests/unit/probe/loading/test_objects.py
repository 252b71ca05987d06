"""Compiled programs as data: there and back, and with their maps' numbers replaced."""

import struct

import pytest

from ebpftrace.probe.loading.objects import MapShape, Objects, relocate

EXIT = struct.pack("=BBhi", 0x95, 0, 0, 0)


def load_64(register: int, source: int, value: int) -> bytes:
    """r<register> = a 64-bit constant, or a map where `source` is 1."""
    low, high = struct.unpack("=ii", struct.pack("=q", value))
    return struct.pack("=BBhiBBhi", 0x18, register | source << 4, 0, low, 0, 0, 0, high)


def test_objects_survive_serialization() -> None:
    objects = Objects({"losses": MapShape(2, 4, 8, 7, 0)}, {"adopt": bytes(range(256))})
    assert Objects.from_bytes(objects.to_bytes()) == objects


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"maps": {"a": [1]}, "programs": {}}']
)
def test_other_data_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Objects.from_bytes(data)


def test_only_map_references_are_replaced() -> None:
    code = load_64(1, 1, 11) + load_64(2, 0, 11) + load_64(3, 1, 12) + EXIT
    moved = load_64(1, 1, 0) + load_64(2, 0, 11) + load_64(3, 1, 1) + EXIT
    assert relocate(code, {11: 0, 12: 1}) == moved


def test_upper_half_of_a_constant_is_not_an_instruction() -> None:
    """Its first byte is zero in valid code; whatever follows must not be taken for one."""
    code = load_64(1, 0, 0x18 | 1 << 12) + load_64(1, 1, 5) + EXIT
    assert relocate(code, {5: 9}) == load_64(1, 0, 0x18 | 1 << 12) + load_64(1, 1, 9) + EXIT


def test_unknown_map_is_refused() -> None:
    with pytest.raises(KeyError):
        relocate(load_64(1, 1, 11), {12: 0})


def test_call_of_a_kernel_function_is_marked() -> None:
    helper, local = (
        struct.pack("=BBhi", 0x85, *rest) for rest in ((0, 0, 113), (1 << 4, 0, 9000))
    )
    kernel = struct.pack("=BBhi", 0x85, 0, 0, 65486)
    marked = struct.pack("=BBhi", 0x85, 2 << 4, 0, 65486)
    assert relocate(helper + kernel + local + EXIT, {}) == helper + marked + local + EXIT
    assert relocate(marked + EXIT, {}) == marked + EXIT  # a second time: from the cache
