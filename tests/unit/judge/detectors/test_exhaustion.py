"""exhaustion: the limit is nearly taken by what cannot be dropped, and usage still grows."""

import pytest

from ebpftrace.judge.detectors.exhaustion import ExhaustionDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.units import MIB
from tests.support.curves import Curve, line, plateau, sample, teeth, watched, watching


@pytest.mark.parametrize("rate", [0.5, 5, 40])
def test_a_climb_is_called_before_the_limit(rate: float) -> None:
    for samples in watching(line(rate), 3000):
        verdict = ExhaustionDetector().verdict(samples)
        if verdict is not None:
            break
    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL
    assert 0.97 <= verdict.measured < 1


@pytest.mark.parametrize(
    "curve",
    [
        plateau(100, until=9.6),
        teeth(880, 10),
        lambda t: 1000.0,
        lambda t: 1000 + t % 2,
    ],
    ids=["climbs to 96%", "teeth to 91%", "rests at 98%", "rests and moves a little"],
)
def test_what_does_not_exhaust_the_limit_is_not_called(curve: Curve) -> None:
    assert all(ExhaustionDetector().verdict(one) is None for one in watching(curve, 60))


def test_it_is_over_once_it_rests() -> None:
    curve = plateau(100, until=9.8)
    assert ExhaustionDetector().verdict(watched(curve, 10)) is not None
    assert ExhaustionDetector().verdict(watched(curve, 30)) is None


def test_it_reports_what_is_taken_and_that_it_grows() -> None:
    verdict = ExhaustionDetector().verdict(watched(line(20), 49))
    assert verdict is not None
    assert verdict.words == (
        "holds 1 GiB, 98% of the limit of 1 GiB is taken by what cannot be dropped, and it "
        "still grows: 200 MiB in the last 10 s"
    )


def hit(*moments: tuple[float, int]) -> Samples:
    """Samples of so many MiB and limit hits in all, a second apart."""
    samples = Samples(sample(0, 20))
    for second, (mib, hits) in enumerate(moments, 1):
        samples.add(sample(second, mib, hits=hits))
    return samples


def test_what_was_freed_too_late_is_called() -> None:
    rests = [(1000, 0)] * 12
    verdict = ExhaustionDetector().verdict(hit(*rests, (1000, 3)))
    assert verdict is not None
    assert verdict.words.endswith("and it has hit the limit")


def test_a_hit_with_page_cache_is_no_exhaustion() -> None:
    # The limit was hit while half of it could be dropped, and long before it was taken.
    assert ExhaustionDetector().verdict(hit((500, 0), (500, 9))) is None
    moments = [(500, 9), (1000, 9), *[(1000, 9)] * 12]
    assert ExhaustionDetector().verdict(hit(*moments)) is None


def test_without_a_limit_nothing_is_exhausted() -> None:
    assert ExhaustionDetector().verdict(watched(line(100), 100, limit=None)) is None


def test_it_measures_what_is_held_now() -> None:
    samples = watched(line(20), 48)
    samples.add(sample(49, 500))
    assert samples.now.held_bytes == 500 * MIB
    assert ExhaustionDetector().verdict(samples) is None


def test_what_is_taken_must_be_held() -> None:
    """Page cache that is dropped between two readings is in the charge and nowhere else."""
    samples = watched(line(20), 35)
    now = sample(36, 740)
    samples.add(now._replace(room_bytes=20 * MIB))
    assert samples.now.used_share == pytest.approx(0.98, abs=0.01)
    assert ExhaustionDetector().verdict(samples) is None
