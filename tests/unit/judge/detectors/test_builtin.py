"""What the built-in judgement is made of: only leaks, thrashing and kills are loud."""

from ebpftrace.judge.detectors.builtin import CONDITION, BuiltinJudgement, builtin_detectors
from ebpftrace.judge.finding import Severity
from tests.support.curves import plateau, watched


def test_a_burst_and_a_high_are_notices() -> None:
    samples = watched(plateau(200, until=4.6), 12)
    found = {
        one.name: verdict.severity
        for one in builtin_detectors()
        if (verdict := one.verdict(samples)) is not None
    }
    assert found == {"burst": Severity.NOTICE, "high": Severity.NOTICE}


def test_their_names_are_their_own() -> None:
    names = [one.name for one in builtin_detectors()]
    assert len(names) == len(set(names))


def test_by_default_what_is_critical_is_acted_on() -> None:
    made = CONDITION.build()
    assert made == BuiltinJudgement(Severity.CRITICAL)
    assert CONDITION.describe(made, "a job") == "the built-in judgement has a critical finding"


def test_a_policy_can_ask_for_less() -> None:
    made = CONDITION.build(least=Severity.WARNING)
    assert made == BuiltinJudgement(Severity.WARNING)
    words = "the built-in judgement finds a warning or worse"
    assert CONDITION.describe(made, "a job") == words
