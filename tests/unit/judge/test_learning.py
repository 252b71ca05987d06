"""A job that changes, and another that leaks: what is reported of each run, and its end.

Each run is judged with the past that the runs before it made, and ends where it is acted on
by default. The limit is 1 GiB.
"""

from dataclasses import dataclass, field

import pytest

from ebpftrace.history.past import past_from
from ebpftrace.history.run import Run, RunEnd
from ebpftrace.judge.detectors.builtin import BuiltinJudgement, builtin_detectors
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.curves import Curve, line, plateau, watching
from tests.support.runs import run

USUAL = plateau(10, until=38)  # 400 MiB
CHANGED = plateau(17, until=40)  # 700 MiB: at its top it is 19 s before the limit
LARGER = plateau(18, until=52)  # 956 MiB
MEASURED = "v1 cgroup"


@dataclass
class Told:
    """One run: the severities of its leak findings, and what was held at the first,
    and where it was acted on."""

    leaks: list[Severity] = field(default_factory=list)
    called_mib: float | None = None
    acted_mib: float | None = None


@dataclass
class Node:
    """The runs of one job, one after the other."""

    history: list[Run] = field(default_factory=list)  # the newest first

    def run(self, curve: Curve, seconds: float = 70) -> Told:
        told = Told()
        past = past_from(self.history, GIB, MEASURED)
        steps = []
        for samples in watching(curve, seconds):
            samples.past = past
            age_s = samples.age_ns / NS_PER_SECOND
            steps.append((age_s, curve(age_s)))
            if self._acted_on(samples, told):
                told.acted_mib = curve(age_s)
                break
        end = RunEnd.OK if told.acted_mib is None else RunEnd.ENDED_BY_EBPFTRACE
        made = run(steps, limit_bytes=GIB, measured=MEASURED, end=end)
        self.history.insert(0, made)
        return told

    def _acted_on(self, samples: Samples, told: Told) -> bool:
        acted = False
        for detector in builtin_detectors():
            verdict = detector.verdict(samples)
            if verdict is None:
                continue
            if detector.name == "leak":
                told.leaks.append(verdict.severity)
                told.called_mib = told.called_mib or samples.now.held_bytes / MIB
            finding = watches.finding(detector=detector.name, severity=verdict.severity)
            acted = acted or BuiltinJudgement().acts_on(finding)
        return acted


@pytest.fixture
def node() -> Node:
    """On which the job has run three times."""
    made = Node()
    for _ in range(3):
        assert made.run(USUAL) == Told()
    return made


def test_a_job_that_changed_is_warned_about_ends_well_and_is_learned(node: Node) -> None:
    told = node.run(CHANGED)
    assert set(told.leaks) == {Severity.WARNING}
    assert told.acted_mib is None
    assert node.history[0].clean
    for _ in range(3):
        assert node.run(CHANGED) == Told()


def test_the_run_after_a_change_is_a_warning_at_most(node: Node) -> None:
    node.run(CHANGED)
    told = node.run(LARGER)  # which is near the limit
    assert set(told.leaks) == {Severity.WARNING}
    assert told.acted_mib is None
    assert node.run(LARGER) == Told()


@pytest.mark.parametrize("rate", [3, 10, 20])
def test_a_leak_is_called_early_and_acted_on_before_the_limit(node: Node, rate: float) -> None:
    told = node.run(line(rate), 400)
    assert told.called_mib is not None
    assert told.called_mib < 0.55 * 1024
    assert told.acted_mib is not None
    assert 0.9 * 1024 <= told.acted_mib < 0.96 * 1024
    assert node.history[0].end is RunEnd.ENDED_BY_EBPFTRACE


def test_a_leak_that_was_ended_is_not_learned(node: Node) -> None:
    first = node.run(line(10), 400)
    assert node.run(line(10), 400) == first
    assert node.run(USUAL) == Told()
