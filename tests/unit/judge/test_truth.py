"""What a finding says is true at the moment it is said, on any curve."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.judge.detectors.builtin import builtin_detectors
from ebpftrace.judge.detectors.climb import ClimbDetector
from ebpftrace.judge.detectors.forecast import ForecastDetector
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.detectors.time_to_limit import TimeToLimitDetector
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.judge.judge import Judge
from ebpftrace.units import MIB, NS_PER_SECOND, parse_bytes
from tests.support.scripted_ledger import ScriptedLedger

LIMIT_MIB = 4096
CLAIM = re.compile(r"(?:holds|gained|has climbed by) ([0-9.]+ [KMG]iB)(?!/s)")
ROUNDING = 0.05  # 1.05 GiB is written as 1.1 GiB


def said(heights: list[int], every: float) -> Iterator[tuple[int, Finding]]:
    """What is reported of a process that follows a curve, with the bytes it then holds."""
    book = ScriptedLedger()
    judge = Judge(
        [
            *builtin_detectors(),
            ClimbDetector(1, NS_PER_SECOND, name="a climb"),
            TimeToLimitDetector(10**6),
            ForecastDetector(short_share=0.05, long_share=0.05, name="an early forecast"),
            LeakDetector(long_seconds=8, long_share=0.05, name="an early leak"),
        ]
    )
    book.start(1, heights[0])
    for number, held in enumerate(heights):
        book.at = number * every
        book.read(1, held)
        book.cgroup(
            charge_bytes=held * MIB,
            limit_bytes=LIMIT_MIB * MIB,
            headroom_bytes=(LIMIT_MIB - held) * MIB,
        )
        for finding in judge.judge(book.snapshot()):
            if finding.state is not FindingState.END:
                yield held * MIB, finding


def claims(finding: Finding) -> list[int]:
    return [parse_bytes(size.replace(" ", "")) for size in CLAIM.findall(finding.sentence)]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=20, max_size=60),
    st.sampled_from([0.5, 1.0]),
)
def test_no_more_is_claimed_than_is_held(steps: list[tuple[int, bool]], every: float) -> None:
    top, heights = 20, [20]
    for step, dips in steps:
        top = min(LIMIT_MIB - 1, top + step)
        heights.append(max(1, top // 5) if dips else top)
    for held, finding in said(heights, every):
        assert all(size <= held * (1 + ROUNDING) for size in claims(finding)), finding.sentence


@pytest.mark.parametrize("every", [0.5, 1.0])
def test_a_spike_that_falls_between_two_snapshots(every: float) -> None:
    heights = [20 + 40 * number for number in range(40)] + [90] * 20
    found = list(said(heights, every))
    assert any("climbed by" in finding.sentence for _, finding in found)
    for held, finding in found:
        assert all(size <= held * (1 + ROUNDING) for size in claims(finding)), finding.sentence
