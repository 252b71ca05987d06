from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.host.environ import MOST_VARIABLES, Environ


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
