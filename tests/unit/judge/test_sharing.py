"""Which of the jobs below a shared limit brings it nearer."""

from collections.abc import Callable

import pytest

from ebpftrace.judge.detectors.exhaustion import ExhaustionDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import grew, limit_is_shared, nearer_shared
from ebpftrace.ledger.held import SharedLimit
from ebpftrace.units import MIB
from tests.support.curves import Curve, sample

NODE = 230


def history(job: Curve, others: Curve, seconds: int = 60, *, limit: int = 200) -> Samples:
    """A job with a limit of its own, on a node of 230 MiB with others."""

    def at(second: int) -> Sample:
        taken = job(second) + others(second)
        shared = SharedLimit(7, "/node", NODE * MIB, round((NODE - taken) * MIB))
        made = sample(second, job(second), limit=limit)
        return made._replace(shared=shared, other_jobs=1)

    samples = Samples(at(0))
    for second in range(1, seconds + 1):
        samples.add(at(second))
    return samples


STEADY: Curve = lambda _: 150.0  # noqa: E731
SAWTOOTH: Curve = lambda t: 20.0 + t % 30  # noqa: E731


@pytest.mark.parametrize(
    ("job", "others", "expected"),
    [
        (STEADY, lambda t: t, False),  # the sibling grew
        (lambda t: 20 + 2 * t, STEADY, True),
        (lambda t: 20 + t, lambda t: 20 + t, True),  # both did
        (STEADY, STEADY, False),  # neither did
        (STEADY, SAWTOOTH, False),
        (lambda t: 20 + t, lambda t: 150 - 2 * t, True),  # the sibling gives back
        (lambda t: 20 + t / 10, lambda t: t, False),  # a small part of it
    ],
    ids=["sibling", "job", "both", "neither", "sawtooth", "sibling shrinks", "small part"],
)
def test_the_job_that_gained_a_third_has_grown(
    job: Curve, others: Curve, expected: bool
) -> None:
    assert grew(history(job, others)) is expected


def test_without_a_shared_limit_it_has() -> None:
    assert grew(Samples(sample(0, 10)))


def test_a_steady_job_is_not_at_the_share_that_its_sibling_took() -> None:
    steady = history(STEADY, lambda t: t)  # 210 of 230, and 75 % of its own
    assert nearer_shared(steady.now) is not None
    assert not limit_is_shared(steady.now)
    assert LevelDetector(bound_share=0.85).verdict(steady) is None
    own = LevelDetector(bound_share=0.7).verdict(steady)
    assert own is not None
    assert own.words == "holds 150 MiB, 75% of the limit of 200 MiB taken (bound 70%)"


def test_the_sibling_that_grew_is_and_the_limit_is_named() -> None:
    grown = history(lambda t: t, STEADY)
    verdict = LevelDetector(bound_share=0.85).verdict(grown)
    assert verdict is not None
    assert verdict.measured == pytest.approx(210 / 230)
    assert verdict.words == (
        "holds 60 MiB and has grown; 91% of the limit of 230 MiB of /node, shared with one "
        "other job, is taken (bound 85%)"
    )


@pytest.mark.parametrize(
    ("job", "others"), [(STEADY, lambda t: 20 + t), (lambda t: 20 + t, STEADY)]
)
def test_a_shared_limit_is_exhausted_by_the_job_that_grows(job: Curve, others: Curve) -> None:
    verdict = ExhaustionDetector().verdict(history(job, others))
    assert (verdict is not None) == (others is STEADY)
    if verdict is not None:
        assert verdict.words == (
            "holds 80 MiB, 100% of the limit of 230 MiB of /node, shared with one other job, "
            "is taken by what cannot be dropped, and it still grows: 10 MiB in the last 10 s"
        )


def test_a_limit_that_is_only_shared_counts_for_the_job_that_grew() -> None:
    def only_shared(of: Callable[[], Samples]) -> Samples:
        found = of()
        samples: Samples | None = None
        for one in found.within(1 << 62):
            assert one.shared is not None
            same = one._replace(limit_bytes=NODE * MIB, room_bytes=one.shared.room_bytes)
            if samples is None:
                samples = Samples(same)
            else:
                samples.add(same)
        assert samples is not None
        return samples

    steady = only_shared(lambda: history(STEADY, lambda t: t))
    grown = only_shared(lambda: history(lambda t: t, STEADY))
    assert limit_is_shared(steady.now)
    level = LevelDetector(bound_share=0.85)
    assert level.verdict(steady) is None
    assert level.bytes_to_bound(steady) is None
    verdict = level.verdict(grown)
    assert verdict is not None
    assert "91% of the limit of 230 MiB of /node, shared with one other job" in verdict.words
