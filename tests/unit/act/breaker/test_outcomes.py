"""The outcome of a step and of an incident, and the sentences for people."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.breaker.outcomes import (
    incident_outcome,
    not_recovered,
    recovered,
    step_outcome,
)
from ebpftrace.act.breaker.recovery_check import RecoveryCheck
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.incidents import incident

S = NS_PER_SECOND
OTHER = Target(ProcessKey(5000, 200), "/ci/build-42", (0, 0))
ABOUT = incident(began_ns=10 * S, time_ns=1000 * S, job_held_bytes=500 * MIB)
GROUP = replace(ABOUT, other_targets=(OTHER,))


def test_a_step_has_its_times_and_what_could_not_be_stopped() -> None:
    ended = Ended(StepStatus.TIMED_OUT, "stopped after 5s")
    outcome = step_outcome(ABOUT, "exec", ended, "child 7 left", began_ns=11 * S, now_ns=16 * S)
    assert outcome.detail == "stopped after 5s; child 7 left"
    assert (outcome.took_ns, outcome.monotonic_ns, outcome.time_ns) == (5 * S, 16 * S, 1006 * S)
    assert outcome.after_breach_ns == 1 * S
    ended = Ended(StepStatus.DONE, "exit 0")
    outcome = step_outcome(ABOUT, "exec", ended, "", began_ns=0, now_ns=1)
    assert outcome.detail == "exit 0"


def test_an_outcome_counts_from_the_breach_and_names_the_evidence() -> None:
    saved = replace(ABOUT, evidence=Path("/evidence/one"))
    outcome = incident_outcome(saved, "", [], helped=True, freed_bytes=7, now_ns=18 * S)
    assert (outcome.took_ns, outcome.time_ns) == (8 * S, 1008 * S)
    assert outcome.evidence == "/evidence/one"
    outcome = incident_outcome(ABOUT, "", [], helped=False, freed_bytes=0, now_ns=18 * S)
    assert outcome.evidence == ""


def test_an_outcome_names_what_could_not_be_restored() -> None:
    outcome = incident_outcome(
        ABOUT, "ended", ["denied", "busy"], helped=False, freed_bytes=0, now_ns=18 * S
    )
    assert outcome.sentence == "ended; not restored: denied, busy"


@pytest.mark.parametrize(
    ("about", "gone_ns", "successor", "sentence"),
    [
        (ABOUT, 0, None, "gopls 4711 still runs and holds less"),
        (ABOUT, 1, None, "gopls 4711 is gone, no successor came"),
        (ABOUT, 1, ProcessKey(4802, 9), "gopls 4711 is gone, its successor 4802 is steady"),
        (GROUP, 0, None, "gopls 4711 and 1 other still run and hold less"),
        (GROUP, 1, None, "gopls 4711 and 1 other are gone, no successor came"),
        (GROUP, 1, OTHER.key, "gopls 4711 and 1 other are gone, their successors hold less"),
    ],
)
def test_a_recovery_says_what_became_of_the_targets(
    about: Incident, gone_ns: int, successor: ProcessKey | None, sentence: str
) -> None:
    check = RecoveryCheck(about, 0, gone_ns, successor, held_bytes=100 * MIB)
    assert recovered(about, check, 15 * S) == f"400 MiB freed in 5.0s: {sentence}"


def test_a_failure_gives_up_and_says_why() -> None:
    running = RecoveryCheck(ABOUT, 0, held_bytes=500 * MIB)
    for check in (None, running):
        sentence = not_recovered(ABOUT, check, acted=True, reason="budget spent")
        assert sentence == "GIVEN UP: nothing helped against gopls 4711: budget spent"
        nothing = not_recovered(ABOUT, check, acted=False, reason="")
        assert nothing == "gopls 4711: nothing was done"


@pytest.mark.parametrize(
    ("about", "gone"),
    [(ABOUT, "gopls 4711 is gone"), (GROUP, "gopls 4711 and 1 other are gone")],
)
def test_a_target_that_is_gone_has_not_helped_where_memory_stays(
    about: Incident, gone: str
) -> None:
    check = RecoveryCheck(about, 0, 1, held_bytes=480 * MIB)
    assert not_recovered(about, check, acted=True, reason="it has ended") == (
        f"GIVEN UP: {gone}, but memory did not come down: the job held 500 MiB and still "
        "holds 480 MiB"
    )
