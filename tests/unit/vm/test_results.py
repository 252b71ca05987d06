"""tests/vm/results.py: nothing that failed passes."""

from tests.vm.results import by_file, outcomes

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.kernel.test_memory.TestAClass" name="a" />
<testcase classname="tests.kernel.test_memory" name="b"><failure message="x" /></testcase>
<testcase classname="tests.kernel.test_memory" name="c"><error message="x" /></testcase>
<testcase classname="tests.kernel.test_mappings" name="d"><skipped message="no v2" /></testcase>
<testcase classname="t" name="e"><skipped message="unconditional skip" /></testcase>
<testcase classname="t" name="f"><skipped /></testcase>
</testsuite></testsuites>"""


def test_error_counts_as_failure() -> None:
    assert by_file(outcomes(JUNIT)) == {
        "tests/kernel/test_memory.py": {"passed": 1, "failed": 2},
        "tests/kernel/test_mappings.py": {"skipped": 1},
        "t.py": {"skipped": 2},
    }


def test_tests_are_named_as_pytest_names_them() -> None:
    assert "tests/kernel/test_memory.py::TestAClass::a" in outcomes(JUNIT)
