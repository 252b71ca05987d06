"""thrash: near the limit all the while, hitting it, and waiting."""

import pytest

from ebpftrace.judge.detectors.thrash import CONDITION, ThrashDetector
from ebpftrace.judge.finding import FindingUnit
from ebpftrace.judge.samples import Samples
from ebpftrace.units import GIB, NS_PER_SECOND
from tests.support.curves import sample


def history(mib: float, stalled: float, refaults: int, hits: int) -> Samples:
    """Twenty seconds in which each second adds so much."""
    samples = Samples(sample(0, mib))
    for second in range(1, 21):
        samples.add(
            sample(second, mib, stalled=stalled * second, refaults=refaults * second,
                   hits=hits * second)
        )  # fmt: skip
    return samples


def test_stalls_or_refaults_at_the_limit() -> None:
    stalled = ThrashDetector().verdict(history(950, 0.5, 0, 10))
    assert stalled is not None
    assert stalled.measured == 0.5
    assert "thrashes at 93% of the limit of 1 GiB" in stalled.words
    assert ThrashDetector().verdict(history(950, 0.0, 1000, 10)) is not None


@pytest.mark.parametrize(
    ("stalled", "refaults", "decided", "not_crossed"),
    [
        (0.03, 1000, "1,000 pages a second (bound 200)", "bound 20%"),
        (0.5, 100, "50% of 15 s for memory (bound 20%)", "bound 200"),
        (0.5, 1000, "50% of 15 s for memory (bound 20%)", "bound 200"),
        (0.0, 200, "200 pages a second (bound 200)", "bound 20%"),
    ],
    ids=["refaults", "waiting", "both", "exactly the bound"],
)
def test_the_sentence_has_the_bound_that_was_crossed(
    stalled: float, refaults: int, decided: str, not_crossed: str
) -> None:
    found = ThrashDetector().verdict(history(950, stalled, refaults, 10))
    assert found is not None
    assert decided in found.words
    assert not_crossed + ")" not in found.words
    assert found.measured >= found.bound
    assert found.unit is (
        FindingUnit.SHARE if "for memory (" in decided else FindingUnit.FAULTS_PER_SECOND
    )


def test_at_memory_high_the_bound_that_was_crossed_is_stated() -> None:
    samples = throttled(1020, 0.03)
    late = sample(21, 1020, limit=None, stalled=0.63, refaults=100_000)
    samples.add(late._replace(high_bytes=GIB, throttled=21))
    found = ThrashDetector().verdict(samples)
    assert found is not None
    assert "(bound 200)" in found.words
    assert found.unit is FindingUnit.FAULTS_PER_SECOND


def test_pressure_counts_where_it_knows_of_more() -> None:
    samples = history(950, 0.1, 0, 10)
    assert ThrashDetector().verdict(samples) is None
    for second in range(21, 41):
        more = sample(second, 950, stalled=0.1 * second, hits=10 * second)
        samples.add(more._replace(pressure_ns=(second - 20) * NS_PER_SECOND // 2))
    found = ThrashDetector().verdict(samples)
    assert found is not None
    assert found.measured == pytest.approx(0.5)


def throttled(mib: float, waited: float) -> Samples:
    """Twenty seconds at so much of a memory.high of 1 GiB, with no limit."""
    samples = Samples(sample(0, mib, limit=None))
    for second in range(1, 21):
        one = sample(second, mib, limit=None, stalled=waited * second)
        samples.add(one._replace(high_bytes=GIB, throttled=second))
    return samples


def test_above_memory_high_a_job_crawls_with_no_limit_at_all() -> None:
    found = ThrashDetector().verdict(throttled(1020, 0.6))
    assert found is not None
    assert "thrashes at 100% of memory.high, 1 GiB" in found.words
    assert ThrashDetector().verdict(throttled(700, 0.6)) is None  # its page cache is throttled
    assert ThrashDetector().verdict(throttled(1020, 0.0)) is None  # no task waits


def test_each_alone_is_none() -> None:
    assert ThrashDetector().verdict(history(300, 0.5, 1000, 10)) is None  # a page-cache flood
    assert ThrashDetector().verdict(history(950, 0.5, 1000, 0)) is None  # never hit the limit
    assert ThrashDetector().verdict(history(950, 0.0, 0, 10)) is None  # no task waits


def test_it_takes_a_window() -> None:
    samples = Samples(sample(0, 950))
    samples.add(sample(10, 950, stalled=9, refaults=10_000, hits=100))
    assert ThrashDetector().verdict(samples) is None


def mapped(majors: int, refaults: int, hits: int = 100) -> Samples:
    """Twenty seconds with next to nothing held, and all else page cache."""
    samples = Samples(sample(0, 10, limit=128))
    for second in range(1, 21):
        samples.add(
            sample(second, 10, limit=128, majors=majors * second, refaults=refaults * second,
                   hits=hits * second)
        )  # fmt: skip
    return samples


def test_mapped_files_that_do_not_fit() -> None:
    found = ThrashDetector().verdict(mapped(130, 200_000))
    assert found is not None
    assert (found.measured, found.unit) == (130, "faults/s")
    assert found.words.startswith("thrashes at the limit of 128 MiB: the files it has mapped")


def test_what_is_read_by_system_calls_or_only_once_is_none() -> None:
    assert ThrashDetector().verdict(mapped(1, 500_000)) is None  # cat, dd
    assert (
        ThrashDetector().verdict(mapped(500, 50)) is None
    )  # a cold start: nothing comes again
    assert ThrashDetector().verdict(mapped(130, 200_000, hits=0)) is None  # another's limit


def test_what_fits_and_comes_back_from_a_slow_disk_is_none() -> None:
    """60 MiB of files, dropped for others and read in again, at under 4 MiB a second."""
    assert ThrashDetector().verdict(mapped(215, 900)) is None
    assert (
        ThrashDetector().verdict(mapped(215, 2000)) is not None
    )  # more than there is room for


def test_a_burst_of_major_faults_is_none() -> None:
    """A compiler that was dropped and started again: for a moment it waits for its text."""
    samples = mapped(0, 200_000)
    late = sample(21, 10, limit=128, majors=3000, refaults=4_400_000, hits=2100)
    samples.add(late)
    assert ThrashDetector().verdict(samples) is None


def test_condition() -> None:
    assert CONDITION.build() == ThrashDetector()
    assert CONDITION.describe(ThrashDetector(), "a job") == "a job thrashes at its limit"
