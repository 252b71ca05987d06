import pytest

from ebpftrace.jobs.ci.run import CiProcess
from ebpftrace.jobs.ci.variables import CiVariables, number, text, word
from tests.support.environs import environ

PLAIN = CiVariables(kind="x", marker="X", build=number("X_BUILD"), project=text("X_PROJECT"))
ANY_MARKER = CiVariables(
    kind="y",
    marker="Y_VERSION",
    marker_value="",
    build=number("Y_BUILD"),
    run=(text("Y_HOST"), number("Y_BUILD")),
    project=text("Y_PROJECT"),
    project_required=True,
    count=number("Y_COUNT"),
)


def test_first_of_several_variables_with_a_valid_value_counts() -> None:
    variable = number("A") | word("B") | text("C")
    assert variable.name == "A"
    assert variable.read(environ({"A": "1", "B": "b"})) == "1"
    assert variable.read(environ({"A": "x", "B": "b"})) == "b"
    assert variable.read(environ({"B": "not a word", "C": "any text"})) == "any text"
    assert variable.read(environ({})) == ""


def test_defaults_are_the_build_as_run_and_count_and_the_kind_as_project() -> None:
    run = PLAIN.identify(CiProcess("sh", environ({"X": "True", "X_BUILD": "7"})))
    assert run is not None
    assert (run.kind, run.run, run.name, run.variable) == ("x", "7", "x#7", "X_BUILD")


def test_marker_without_a_value_accepts_any() -> None:
    job = {"Y_VERSION": "2.3", "Y_BUILD": "7", "Y_PROJECT": "p", "Y_HOST": "h"}
    run = ANY_MARKER.identify(CiProcess("sh", environ(job)))
    assert run is not None
    assert (run.run, run.name) == ("h/7", "p"), "count is given, and not set here"


@pytest.mark.parametrize("missing", ["Y_VERSION", "Y_BUILD", "Y_PROJECT"])
def test_required_variable_that_is_missing_is_not_a_job(missing: str) -> None:
    job = {"Y_VERSION": "2.3", "Y_BUILD": "7", "Y_PROJECT": "p"}
    assert ANY_MARKER.identify(CiProcess("sh", environ(job, **{missing: None}))) is None
