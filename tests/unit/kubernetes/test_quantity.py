"""Quantities as Kubernetes writes them."""

import pytest

from ebpftrace.kubernetes.quantity import parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64Mi", 64 << 20), ("1.5Gi", 3 << 29), ("128974848", 128974848),
        ("129e6", 129 * 10**6),
        ("129M", 129 * 10**6), ("123456m", 123), ("1E", 10**18), ("1Ei", 1 << 60),
        (".5Ki", 512),
        ("", None), ("1Ex", None), ("1e", None), ("Mi", None), ("-1", None),
        ("1Zi", None), ("1 Mi", None),
        ("9" * 60, None),
        (None, None), (64, None), ({}, None),
    ],
)  # fmt: skip
def test_a_quantity_in_bytes(text: object, expected: int | None) -> None:
    assert parse_bytes(text) == expected
