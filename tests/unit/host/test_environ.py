from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.host.environ import Environ


def test_values_are_cleaned_and_bounded() -> None:
    environ = Environ(b"A=\x1b[31mred\0B=" + b"x" * 300 + b"\0C=a=b\0nonsense\0D=\xff\0")
    assert environ.get("A") == "\\x1b[31mred"
    assert environ.get("B") == ""
    assert environ.get("C") == "a=b"
    assert environ.get("D") == "\\xff"
    assert environ.get("nonsense") == ""


@given(st.binary(max_size=200))
def test_any_environment_can_be_parsed(raw: bytes) -> None:
    assert len(Environ(raw)) <= raw.count(b"=")
