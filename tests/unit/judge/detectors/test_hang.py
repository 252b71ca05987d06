"""hang: at the limit, and the kernel kills no process."""

from collections.abc import Callable

import pytest

from ebpftrace.judge.detectors.hang import CONDITION, HangDetector
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from tests.support.curves import sample


def history(of: Callable[[int], Sample], seconds: int = 15) -> Samples:
    samples = Samples(of(0))
    for second in range(1, seconds + 1):
        samples.add(of(second))
    return samples


def test_a_task_that_waits_without_an_oom_killer_hangs() -> None:
    samples = history(lambda t: sample(t, 200, limit=200, stuck=t >= 10))
    verdict = HangDetector().verdict(samples)
    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL
    assert (verdict.measured, verdict.unit) == (5, FindingUnit.SECONDS)
    assert verdict.words == (
        "hangs at its limit of 200 MiB for 5 s now: it holds 200 MiB, its tasks wait for "
        "memory, and the OOM killer is disabled"
    )


@pytest.mark.parametrize(
    "stuck",
    [
        lambda t: t == 15,  # another process may free memory at once
        lambda t: t < 15,  # the killer was enabled again, or a process has ended
        lambda t: t % 2 == 1,  # waits that end
    ],
)
def test_a_wait_that_ends_is_no_hang(stuck: Callable[[int], bool]) -> None:
    samples = history(lambda t: sample(t, 200, limit=200, stuck=stuck(t)))
    assert HangDetector().verdict(samples) is None


def throttled(
    t: int, *, full: float = 0.97, held: float = 99, hits: bool = True, high: float | None = 100
) -> Sample:
    """A second of a job with memory.high at 100 MiB; no limit is set."""
    return sample(
        t, held, limit=None, high=high, full=full * t, throttled=10 * t if hits else 0
    )


def test_a_standstill_at_memory_high_is_a_hang() -> None:
    verdict = HangDetector().verdict(history(throttled))
    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL
    assert verdict.words == (
        "is throttled to a standstill at memory.high, 100 MiB: it holds 99 MiB, and all its "
        "tasks waited 97% of 10 s for memory (bound 90%)"
    )


@pytest.mark.parametrize(
    "of",
    [
        lambda t: throttled(t, full=0.5),  # it gets on, slowly
        lambda t: throttled(t, held=60),  # page cache can be dropped
        lambda t: throttled(t, hits=False),  # it waits for another reason
        lambda t: throttled(t, high=None),
        lambda t: throttled(t, held=99 if t < 10 else 70),  # it was freed
    ],
)
def test_a_job_that_gets_on_below_memory_high_is_none(of: Callable[[int], Sample]) -> None:
    assert HangDetector().verdict(history(of)) is None


def test_a_policy_asks_for_it() -> None:
    detector = CONDITION.build()
    assert detector == HangDetector()
    assert CONDITION.describe(detector, "a job") == "a job hangs at its limit"
