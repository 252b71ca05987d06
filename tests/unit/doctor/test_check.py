"""The order of states."""

from ebpftrace.doctor.check import CheckState, worst


def test_the_worst_decides() -> None:
    assert worst([CheckState.OK, CheckState.ERROR, CheckState.WARNING]) is CheckState.ERROR
    assert worst([CheckState.OK, CheckState.WARNING]) is CheckState.WARNING
    assert worst([]) is CheckState.OK
