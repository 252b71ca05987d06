"""Targets that were ended by something else than the step that reports it."""

import signal

import pytest

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.breaker.target_ends import TargetEnds
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import incident

KEY, OTHER, STRANGER = ProcessKey(4711, 1), ProcessKey(4712, 1), ProcessKey(9999, 1)
ONE = incident()
GROUP = incident(other_targets=(Target(OTHER, "/ci/build-42", (0, 0)),))


def ended(name: str, status: StepStatus = StepStatus.DONE) -> Ended:
    return Ended(status, f"gopls 4711 ended by {name} after 2.4s", signal=name)


def after(about: Incident, name: str, *oom: ProcessKey, exited: int = 0) -> Ended:
    ends = TargetEnds()
    for key in oom:
        ends.oom_killed(key)
    ends.exited(KEY, exited)
    return ends.corrected(about, ended(name), round(2.4 * NS_PER_SECOND))


@pytest.mark.parametrize(
    ("about", "oom", "detail"),
    [
        (ONE, [KEY], "gopls 4711 was killed by the OOM killer while it had TERM, after 2.4s"),
        (
            GROUP, [OTHER],
            "1 of gopls 4711 and 1 other was killed by the OOM killer while they had TERM, "
            "after 2.4s",
        ),
        (
            GROUP, [KEY, OTHER],
            "2 of gopls 4711 and 1 other were killed by the OOM killer while they had TERM, "
            "after 2.4s",
        ),
    ],
    ids=["one", "one of a group", "a group"],
)  # fmt: skip
def test_a_target_that_the_oom_killer_killed_was_not_ended_by_its_signal(
    about: Incident, oom: list[ProcessKey], detail: str
) -> None:
    found = after(about, "TERM", *oom, exited=signal.SIGKILL)
    assert (found.status, found.detail) == (StepStatus.FAILED, detail)


@pytest.mark.parametrize(
    ("name", "oom", "exited"),
    [
        ("TERM", [], signal.SIGTERM),
        ("TERM", [], 0),
        ("TERM", [STRANGER], signal.SIGTERM),
        ("KILL", [], signal.SIGKILL),
        ("KILL", [KEY], signal.SIGKILL),
    ],
    ids=["by it", "by itself", "another was taken", "by KILL", "chosen as it died"],
)
def test_otherwise_the_step_is_believed(name: str, oom: list[ProcessKey], exited: int) -> None:
    assert after(ONE, name, *oom, exited=exited) == ended(name)


def test_a_sigkill_of_another_program_is_reported() -> None:
    found = after(ONE, "TERM", exited=signal.SIGKILL)
    assert found.status is StepStatus.DONE
    assert found.detail == (
        "gopls 4711 was ended by a SIGKILL that the step did not send, while it had TERM"
    )


def test_a_step_that_did_not_end_it_stays_as_it_is() -> None:
    ends = TargetEnds()
    ends.oom_killed(KEY)
    failed = ended("TERM", StepStatus.TIMED_OUT)
    assert ends.corrected(ONE, failed, 0) == failed
    hook = Ended(StepStatus.DONE, "exit 0")
    assert ends.corrected(ONE, hook, 0) == hook


def test_the_sentence_of_the_outcome() -> None:
    ends = TargetEnds()
    assert ends.sentence(ONE) == ""
    ends.oom_killed(STRANGER)
    assert ends.sentence(ONE) == ""
    ends.oom_killed(KEY)
    assert ends.sentence(ONE) == "gopls 4711 was killed by the OOM killer"
    ends.corrected(ONE, ended("TERM"), 0)
    assert ends.sentence(ONE) == "gopls 4711 was killed by the OOM killer while it had TERM"


def test_after_a_kill_the_oom_killer_has_no_part() -> None:
    ends = TargetEnds()
    ends.oom_killed(KEY)
    ends.corrected(ONE, ended("KILL"), 0)
    assert ends.sentence(ONE) == ""
