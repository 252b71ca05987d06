"""Why no incident starts, in a sentence."""

from ebpftrace.act.incident.outcome import SuppressedTrigger
from tests.support.incidents import JOB


def test_sentence_names_the_policy_the_job_and_the_reason() -> None:
    held = SuppressedTrigger("command line", JOB, "the job is in its cool-down")
    assert held.sentence == (
        "policy command line does nothing in build-42: the job is in its cool-down"
    )
