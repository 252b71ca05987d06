from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.host.environ import MOST_VARIABLES, Environ
from tests.support.effort import effort_of


def test_values_are_cleaned_and_bounded() -> None:
    environ = Environ(b"A=\x1b[31mred\0B=" + b"x" * 300 + b"\0C=a=b\0nonsense\0D=\xff\0")
    assert environ.get("A") == "\\x1b[31mred"
    assert environ.get("B") == ""
    assert environ.get("C") == "a=b"
    assert environ.get("D") == "\\xff"
    assert environ.get("nonsense") == ""


def test_of_a_million_variables_the_first_count() -> None:
    environ = Environ(b"CI=1\0" + b"=\0" * 1_000_000 + b"LAST=1\0")
    assert environ.get("CI") == "1"
    assert "LAST" not in environ
    many = Environ(b"".join(b"V%d=\0" % index for index in range(3 * MOST_VARIABLES)))
    assert len(many) == MOST_VARIABLES


@given(st.binary(max_size=200))
def test_any_environment_can_be_parsed(raw: bytes) -> None:
    assert len(Environ(raw)) <= raw.count(b"=")


def test_pieces_make_the_same_environment_wherever_they_are_cut() -> None:
    raw = b"A=1\0LONG=" + b"x" * 5000 + b"\0PATH_OF=/" + b"y" * 3000 + b"\0B_C=2\0D=3"
    for cut in (1, 3, 4, 9, 4099, 4400, 5013, 5020, len(raw) - 1):
        environ = Environ([raw[:cut], raw[cut : cut + 2], raw[cut + 2 :]])
        assert [environ.get(name) for name in ("A", "LONG", "B_C", "D")] == ["1", "", "2", "3"]
        assert "LONG" in environ
        assert environ.get("PATH_OF", 4096) == "/" + "y" * 3000


@pytest.mark.parametrize("size", [0, 1, 80, 1000, 4000, 4096, 4352, 5000, 120_000])
@pytest.mark.parametrize("first", ["", "/"])
@pytest.mark.parametrize("name", ["V%d", "A_VARIABLE_%d"])
def test_no_environment_takes_a_mebibyte(size: int, first: str, name: str) -> None:
    value = first + "x" * size
    count = min(20_000, (2 << 20) // (size + 10))
    raw = b"".join(f"{name % number}={value}\0".encode() for number in range(count))

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(raw), 65536):
            yield raw[start : start + 65536]

    effort = effort_of(lambda: Environ(chunks()))
    assert effort.peak_bytes < 1 << 20
    assert effort.steps < 200_000
    assert len(effort.result) >= min(count, 50)
