"""The view of a service: publishes what the engine reports, and gives systemd its signs."""

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.ledger import Note, Snapshot
from ebpftrace.service.cluster import ClusterState
from ebpftrace.service.ended import EndedJobs
from ebpftrace.service.notify import Notifier
from ebpftrace.service.state import State
from ebpftrace.views import formatting
from ebpftrace.views.start import Remark, RemarkKind, Started

_Key = TypeVar("_Key")
_MOST_FINDINGS = 4096
_MOST_ACTED = 1024  # incidents whose first action is known


class ServiceView:
    """Called on the engine's thread. `reload` reads certificates and passwords again, and
    returns what is wrong with them, "" if nothing is. `cluster` is what is known of pods.
    """

    def __init__(
        self,
        state: State,
        keep_ended_ns: int,
        notifier: Notifier,
        reload: Callable[[], str],
        cluster: Callable[[], ClusterState | None] = lambda: None,
    ) -> None:
        self._state, self._notifier, self._reload = state, notifier, reload
        self._cluster = cluster
        self._ended = EndedJobs(keep_ended_ns)
        self._findings: dict[object, Finding] = {}
        self._acted: dict[str, None] = {}
        self._is_ready = False

    def start(self, started: Started) -> None:
        self._state.publish(started=started)

    def note(self, note: Note) -> None:
        """Nothing: what is counted of it is in the next snapshot."""

    def snapshot(self, snapshot: Snapshot) -> None:
        ended = self._ended.update(snapshot)
        self._state.publish(snapshot=snapshot, ended=ended, cluster=self._cluster())
        if self._is_ready:
            self._notifier.alive(_status(snapshot))
        else:
            self._is_ready = True
            self._notifier.ready(_status(snapshot))

    def finding(self, finding: Finding) -> None:
        self._findings.pop(finding.key, None)
        if finding.state is not FindingState.END:
            self._findings[finding.key] = finding
            if len(self._findings) > _MOST_FINDINGS:
                del self._findings[next(iter(self._findings))]
        self._state.publish(findings=MappingProxyType(dict(self._findings)))

    def step(self, step: StepOutcome) -> None:
        published = self._state.published
        key = (step.policy, step.action, step.status.value)
        first = published.first_actions
        action = ACTIONS.get(step.action)
        acts = action is not None and not action.informational
        if acts and step.status is not StepStatus.SKIPPED and step.incident not in self._acted:
            self._acted[step.incident] = None
            if len(self._acted) > _MOST_ACTED:
                del self._acted[next(iter(self._acted))]
            first = first.with_one(step.after_breach_ns)
        self._state.publish(steps=_counted(published.steps, key), first_actions=first)

    def outcome(self, outcome: Outcome) -> None:
        result = "helped" if outcome.helped else "not_helped"
        key = (outcome.policy, "canceled" if outcome.canceled else result)
        self._state.publish(incidents=_counted(self._state.published.incidents, key))

    def fuse(self, event: FuseEvent) -> None:
        fuses = _counted(self._state.published.fuses, event.kind.value)
        self._state.publish(fuses=fuses)

    def remark(self, remark: Remark) -> None:
        if remark.kind is RemarkKind.AUDIT_TROUBLE:
            self._state.publish(audit_trouble=remark.text)
        elif remark.kind is RemarkKind.AUDIT_MENDED:
            self._state.publish(audit_trouble="")
        elif remark.kind in (RemarkKind.RELOADED, RemarkKind.NOT_RELOADED):
            self._notifier.reloading()
            kept = remark.kind is RemarkKind.NOT_RELOADED
            trouble = "; ".join(filter(None, (remark.text if kept else "", self._reload())))
            self._state.publish(reload_trouble=trouble)
            self._notifier.ready(trouble or "reloaded")

    def end(self, snapshot: Snapshot, reason: str) -> None:
        self._state.publish(over=True)

    def stop(self) -> None:
        self._notifier.stopping()


def _counted(counts: "MappingProxyType[_Key, int] | object", key: _Key) -> object:
    assert isinstance(counts, MappingProxyType)
    return MappingProxyType(dict(counts) | {key: counts.get(key, 0) + 1})


def _status(snapshot: Snapshot) -> str:
    jobs = formatting.count(snapshot.running_count, "job")
    processes = formatting.count(snapshot.process_count, "process", "processes")
    return f"{jobs}, {processes}"
