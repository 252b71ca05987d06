"""Sizes and durations, as people write and read them."""

import pytest

from ebpftrace.units import (
    GIB,
    KIB,
    MIB,
    format_bytes,
    format_duration,
    parse_bytes,
    parse_duration_ns,
    parse_increase,
    parse_share,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (1023, "1023 B"), (KIB, "1.0 KiB"), (-3 * MIB, "-3.0 MiB"),
        (10 * MIB, "10 MiB"), (1023 * MIB, "1.0 GiB"), (int(1.5 * GIB), "1.5 GiB"),
        (5000 * GIB, "4.9 TiB"), (5000 * 1024 * GIB, "5000 TiB"),
    ],
)  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ms"), (12_000_000, "12ms"), (1_500_000_000, "1.5s"), (59_000_000_000, "59s"),
        (125_000_000_000, "2m05s"), (12_000_000_000_000, "3h20m"),
        (352_800_000_000_000, "4d02h"),
    ],
)  # fmt: skip
def test_durations(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize(
    ("text", "ns"),
    [("500ms", 500_000_000), ("2s", 2_000_000_000), ("2", 2_000_000_000),
     ("1.5m", 90_000_000_000), ("1h", 3_600_000_000_000)],
)  # fmt: skip
def test_durations_are_read(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "1 2", "nan", "1e3", "٣s", "9" * 400])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("256MiB", 256 * MIB), ("1.8GiB", round(1.8 * GIB)), ("2GB", 2_000_000_000),
     (" 64 kB ", 64_000), ("1TiB", 1024 * GIB), ("0", 0), ("4096", 4096), ("7B", 7)],
)  # fmt: skip
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "1G", "256Mb", "-1MiB", "1e3", "MiB", "0x10", "9" * 400])
def test_what_is_no_size_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)


@pytest.mark.parametrize(("text", "share"), [("85%", 0.85), ("100 %", 1.0), ("0.5%", 0.005)])
def test_shares_are_read(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize(("text", "increase"), [("0%", 0.0), ("10 %", 0.1), ("250%", 2.5)])
def test_increases_are_read(text: str, increase: float) -> None:
    assert parse_increase(text) == increase
    with pytest.raises(ValueError, match="not an increase"):
        parse_increase(text.replace("%", ""))


@pytest.mark.parametrize("text", ["", "0%", "100.1%", "85", "0.85", "-5%", "%"])
def test_what_is_no_share_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a share"):
        parse_share(text)
