"""annotate: names of annotations, and where none is written."""

import pytest

from ebpftrace.act.actions.annotate import AnnotateOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import act


@pytest.mark.parametrize("prefix", ["", "a b", "A", "-a", "a.", "a/b", "é", "x" * 254])
def test_a_prefix_is_a_dns_name(prefix: str) -> None:
    with pytest.raises(ValueError, match="is no DNS name"):
        AnnotateOptions(prefix)
    assert AnnotateOptions("memory.example.org").prefix == "memory.example.org"


def test_a_process_outside_pods_is_skipped(sleeping_job: Incident) -> None:
    ended = act("annotate", sleeping_job, AnnotateOptions())
    assert (ended.status, ended.detail) == (StepStatus.SKIPPED, "the process is in no pod")
