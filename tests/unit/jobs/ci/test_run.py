import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.ci.run import NAME_WIDTH, number, run_id, short_name, word


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (("org/repo", "12", "test", "linux"), "org/repo#12 test (linux)"),
        (("org/repo", "12", "test", "a-runner-with-a-long-name"), "org/repo#12 test"),
        (("organization-x/repository", "1234", "test"), "repository#1234 test"),
        (("g/a-rather-long-name", "12345", "integration"), "a-rather-long…#12345 integration"),
        (("project", "1", "a-job-with-a-name-of-its-own"), "project#1 a-job-with-a-name-of-…"),
        (("only", ""), "only"),
        (("", "7", "x"), "#7 x"),
    ],
)
def test_long_name_drops_the_least_useful_part_first(args: tuple[str, ...], name: str) -> None:
    assert short_name(*args) == name


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=80), st.text(max_size=80))
def test_any_name_fits_a_column(project: str, count: str, job: str, detail: str) -> None:
    assert len(short_name(project, count, job, detail)) <= NAME_WIDTH


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_different_runs_have_different_ids(left: list[str], right: list[str]) -> None:
    if len(left) == len(right):
        assert (run_id(*left) == run_id(*right)) == (left == right)


def test_implausible_values_are_ignored() -> None:
    environ = Environ(
        b"N=12\0BAD=1x\0LONG=" + b"1" * 21 + b"\0EMPTY=\0ARABIC=\xd9\xa1\0W=a b\0"
    )
    assert number(environ, "N") == "12"
    for name in ("BAD", "LONG", "EMPTY", "ARABIC", "MISSING"):
        assert number(environ, name) == ""
    assert word(environ, "BAD") == "1x"
    assert word(environ, "W") == ""
