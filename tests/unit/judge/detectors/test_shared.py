"""shared: the others filled a limit that the job shares."""

import pytest

from ebpftrace.judge.detectors.builtin import BuiltinJudgement
from ebpftrace.judge.detectors.shared import SharedDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.held import SharedLimit
from ebpftrace.units import MIB
from tests.support import watches
from tests.support.curves import Curve, sample

NODE = 230


def history(job: Curve, others: Curve) -> Samples:
    """A minute of a job limited to 200 MiB on a node of 230."""
    samples: Samples | None = None
    for second in range(61):
        room = round((NODE - job(second) - others(second)) * MIB)
        made = sample(second, job(second), limit=200)._replace(
            shared=SharedLimit(7, "/node", NODE * MIB, room),
            other_jobs=2,
        )
        if samples is None:
            samples = Samples(made)
        else:
            samples.add(made)
    assert samples is not None
    return samples


def test_a_job_at_rest_has_a_notice() -> None:
    verdict = SharedDetector().verdict(history(lambda _: 150.0, lambda t: t))
    assert verdict is not None
    assert verdict.severity is Severity.NOTICE
    assert verdict.words == (
        "holds 150 MiB and did not grow; 91% of the limit of 230 MiB of /node, shared with 2 "
        "other jobs, is taken (bound 90%)"
    )


@pytest.mark.parametrize(
    ("job", "others"),
    [
        (lambda t: t, lambda _: 150.0),  # it is the job that grew
        (lambda _: 150.0, lambda t: t / 2),  # there is room
        (lambda _: 195.0, lambda _: 10.0),  # its own limit is nearer
    ],
)
def test_otherwise_it_has_none(job: Curve, others: Curve) -> None:
    assert SharedDetector().verdict(history(job, others)) is None


def test_nothing_acts_on_it() -> None:
    finding = watches.finding()._replace(detector="shared", severity=Severity.CRITICAL)
    assert not BuiltinJudgement(Severity.NOTICE).acts_on(finding)
