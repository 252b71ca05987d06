"""Values of the command line's options, without a watch."""

import click
import pytest

from ebpftrace.cli.parameters import Memory, Pid, Size
from ebpftrace.units import MIB


@pytest.mark.parametrize(
    ("text", "size"),
    [("120x36", (120, 36)), ("10x5", (10, 5)), ("500x500", (500, 500))],
)
def test_a_size_is_columns_and_lines(text: str, size: tuple[int, int]) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "120",
        "120x",
        "x36",
        "120x36x2",
        "-1x5",
        "1.5x9",
        "120 x 36",
        "²0x5",
        "9" * 5000 + "x5",
    ],
)
def test_an_invalid_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 120x36"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("text", ["9x5", "10x4", "501x36", "120x501"])
def test_an_impossible_size_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(click.BadParameter, match="from 10x5 to 500x500"):
        Size().convert(text, None, None)


def test_a_pid_is_a_number_the_kernel_could_give() -> None:
    assert Pid().convert("1", None, None) == 1
    assert Pid().convert("4194304", None, None) == 4194304


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", " 1", "4194305", "²", "9" * 5000])
def test_an_invalid_pid_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a pid"):
        Pid().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "size"), [("72MiB", 72 * MIB), ("1GiB", 1 << 30), ("100000000", 100_000_000)]
)
def test_memory_is_a_size_that_is_enough_for_a_watch(text: str, size: int) -> None:
    assert Memory().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["71MiB", "0", "75497471", "1kB"])
def test_too_little_memory_is_refused_with_the_least(text: str) -> None:
    with pytest.raises(click.BadParameter, match=f"^{text} is too little .* at least 72 MiB$"):
        Memory().convert(text, None, None)


@pytest.mark.parametrize("text", ["512M", "lots", "", "-1GiB", "25%"])
def test_what_is_no_size_of_memory_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a size"):
        Memory().convert(text, None, None)
