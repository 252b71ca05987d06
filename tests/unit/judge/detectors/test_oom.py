"""oom: kills since the watch began."""

from ebpftrace.judge.detectors.oom import CONDITION, OomDetector
from ebpftrace.judge.samples import Samples
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches
from tests.support.curves import START_NS, sample


def test_old_kills_are_history() -> None:
    samples = Samples(sample(0, 10, kills=3))
    samples.add(sample(1, 10, kills=3))
    assert OomDetector().verdict(samples) is None


def test_a_kill_is_reported_for_a_minute() -> None:
    samples = Samples(sample(0, 10, kills=3))
    samples.add(sample(1, 10, kills=5))
    verdict = OomDetector().verdict(samples)
    assert verdict is not None
    assert verdict.words == "lost 2 processes to the OOM killer at the limit of 1 GiB"
    assert verdict.since_ns == START_NS + NS_PER_SECOND
    for second in range(2, 63):
        samples.add(sample(second, 10, kills=5))
    assert OomDetector().verdict(samples) is None


def test_a_note_of_a_kill_names_the_victim() -> None:
    victim, verdict = OomDetector().verdict_on_note(watches.oom_note())
    assert victim == "gopls 4711 in job github/build-42"
    assert verdict.words == (
        "was killed by the OOM killer at the limit of 200 MiB; it held 190 MiB"
    )


def test_condition() -> None:
    assert CONDITION.build() == OomDetector()
    words = "the OOM killer kills a process of a job"
    assert CONDITION.describe(OomDetector(), "a job") == words
