"""When two findings are the same one, at different times."""

from ebpftrace.events import ProcessKey
from ebpftrace.judge.finding import FindingState, Severity
from tests.support.incidents import JOB, finding


def test_key_stays_while_the_finding_changes() -> None:
    first = finding()
    later = first._replace(measured=9, severity=Severity.CRITICAL, state=FindingState.RISE)
    assert later.key == first.key


def test_key_differs_by_detector_job_and_process() -> None:
    other_job = JOB._replace(key="/ci/build-43")
    different = [
        finding(),
        finding(process=ProcessKey(7, 1)),
        finding(process=ProcessKey(7, 2)),
        finding(job=other_job),
        finding(detector="level"),
    ]
    assert len({each.key for each in different}) == len(different)
