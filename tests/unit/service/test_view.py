"""What the service publishes of each call of the engine."""

from typing import Any

import pytest

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.judge.finding import FindingState
from ebpftrace.service.notify import Notifier
from ebpftrace.service.state import State
from ebpftrace.service.view import ServiceView
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.start import Remark, RemarkKind
from tests.support import watches


class RecordedNotifier(Notifier):
    """Keeps what systemd would get."""

    def __init__(self) -> None:
        super().__init__({"WATCHDOG_USEC": "1000000"})
        self.sent: list[str] = []

    def _send(self, *lines: str) -> None:
        self.sent.append(lines[0])


class Rig:
    """A view with its ends."""

    def __init__(self, trouble: str = "") -> None:
        self.state, self.notifier = State(acts=True), RecordedNotifier()
        self.reloads = 0
        self.trouble = trouble
        self.view = ServiceView(self.state, 30 * NS_PER_SECOND, self.notifier, self._reload)

    def _reload(self) -> str:
        self.reloads += 1
        return self.trouble


@pytest.fixture
def rig() -> Rig:
    return Rig()


def remark(kind: RemarkKind, text: str = "text") -> Remark:
    return Remark(watches.TIME_NS, watches.MONOTONIC_NS, text, kind)


def test_it_is_ready_with_the_first_snapshot_and_alive_with_the_others(rig: Rig) -> None:
    rig.view.start(watches.started())
    assert rig.notifier.sent == []
    for _ in range(2):
        rig.view.snapshot(watches.example())
    rig.view.end(watches.example(), "over")
    rig.view.stop()
    assert rig.notifier.sent == ["READY=1", "WATCHDOG=1", "STOPPING=1"]
    assert rig.state.published.over
    assert rig.state.published.snapshot == watches.example()


def test_a_finding_is_in_force_until_it_ends(rig: Rig) -> None:
    rig.view.finding(watches.finding())
    rig.view.finding(watches.finding(state=FindingState.RISE))
    (found,) = rig.state.published.findings.values()
    assert found.state is FindingState.RISE
    rig.view.finding(watches.finding(state=FindingState.END))
    assert not rig.state.published.findings


def test_steps_and_incidents_are_counted_by_how_they_ended(rig: Rig) -> None:
    rig.view.step(watches.step())
    rig.view.step(watches.step(status=StepStatus.FAILED))
    rig.view.outcome(watches.outcome())
    rig.view.outcome(watches.outcome(helped=False))
    rig.view.outcome(watches.outcome(canceled=True))
    rig.view.fuse(watches.fuse_event())
    published = rig.state.published
    assert published.steps == {
        ("leaks", "signal", "done"): 1, ("leaks", "signal", "failed"): 1,
    }  # fmt: skip
    assert published.incidents == {
        ("leaks", "helped"): 1, ("leaks", "not_helped"): 1, ("leaks", "canceled"): 1,
    }  # fmt: skip
    assert published.fuses == {"stopped": 1}


def test_the_first_action_of_an_incident_counts_once_and_evidence_is_none(rig: Rig) -> None:
    steps: tuple[dict[str, Any], ...] = (
        {"action": "capture"},
        {"action": "signal", "status": StepStatus.SKIPPED},
        {"action": "signal", "after_breach_ns": 200_000_000},
        {"action": "signal", "after_breach_ns": 9_000_000_000},
        {"action": "signal", "incident": "another", "after_breach_ns": 0},
    )
    for step in steps:
        rig.view.step(watches.step(**step))
    first = rig.state.published.first_actions
    assert sum(first.counts) == 2
    assert first.sum_seconds == pytest.approx(0.2)


def test_trouble_with_the_audit_log_is_published_until_it_is_over(rig: Rig) -> None:
    rig.view.remark(remark(RemarkKind.AUDIT_TROUBLE, "disk full"))
    assert rig.state.published.audit_trouble == "disk full"
    rig.view.remark(remark(RemarkKind.OTHER))
    assert rig.state.published.audit_trouble == "disk full"
    rig.view.remark(remark(RemarkKind.AUDIT_MENDED))
    assert rig.state.published.audit_trouble == ""


def test_a_reload_is_announced_and_reads_certificates_too(rig: Rig) -> None:
    rig.view.remark(remark(RemarkKind.RELOADED))
    assert rig.notifier.sent == ["RELOADING=1", "READY=1"]
    assert rig.reloads == 1
    assert rig.state.published.reload_trouble == ""


def test_what_was_not_reloaded_is_published() -> None:
    rig = Rig(trouble="no certificate")
    rig.view.remark(remark(RemarkKind.NOT_RELOADED, "line 3"))
    assert rig.state.published.reload_trouble == "line 3; no certificate"
    rig.trouble = ""
    rig.view.remark(remark(RemarkKind.RELOADED))
    assert rig.state.published.reload_trouble == ""
