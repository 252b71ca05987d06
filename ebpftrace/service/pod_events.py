"""What a watch finds and does about the job of a pod, as events of the Kubernetes API.

Findings that are warnings or critical, steps that were not skipped, outcomes, and processes
that a fuse stopped or killed. Notices are not: healthy jobs have them.
"""

from collections.abc import Callable

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.kubernetes.event import PodEvent
from ebpftrace.kubernetes.pod import place_of
from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.start import Remark, Started


class PodEventView:
    """Passes them to `put`, which never waits. `node` is where the evidence is."""

    def __init__(self, put: Callable[[PodEvent], None], node: str) -> None:
        self._put, self._node = put, node

    def start(self, started: Started) -> None:
        """Nothing."""

    def note(self, note: Note) -> None:
        """Nothing: an OOM kill is a finding as well."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def finding(self, finding: Finding) -> None:
        told = finding.state in (FindingState.BEGIN, FindingState.RISE)
        if told and finding.severity >= Severity.WARNING:
            kind = finding.detector.partition(":")[0]
            severity = finding.severity.name.lower()
            self._event(
                finding.subject.job, f"Memory{_camel(kind)}", f"Find{_camel(severity)}",
                finding.sentence, finding.time_ns, is_warning=True,
            )  # fmt: skip

    def step(self, step: StepOutcome) -> None:
        if step.status is StepStatus.SKIPPED:
            return
        status = step.status.value.replace("_", " ")
        self._event(
            step.job, f"MemoryAction{_camel(step.status.value)}", _camel(step.action),
            f"{step.action} {status}: {step.detail} (policy {step.policy})", step.time_ns,
            is_warning=step.status is not StepStatus.DONE,
        )  # fmt: skip

    def outcome(self, outcome: Outcome) -> None:
        ended = "Helped" if outcome.helped else "NotHelped"
        where = f"; evidence at {self._node}:{outcome.evidence}" if outcome.evidence else ""
        self._event(
            outcome.job, f"MemoryIncident{'Canceled' if outcome.canceled else ended}", "Act",
            f"{outcome.sentence}{where}", outcome.time_ns,
            is_warning=not (outcome.helped or outcome.canceled),
        )  # fmt: skip

    def fuse(self, event: FuseEvent) -> None:
        if event.kind in (FuseEventKind.STOPPED, FuseEventKind.KILLED):
            self._event(
                event.job, f"MemoryFuse{_camel(event.kind.value)}", "Fuse", event.sentence,
                event.time_ns, is_warning=True,
            )  # fmt: skip

    def remark(self, remark: Remark) -> None:
        """Nothing: it is of no pod."""

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing: the service writes what is left."""

    def _event(
        self, job: JobIdentity, reason: str, action: str, note: str, time_ns: int, *,
        is_warning: bool,
    ) -> None:  # fmt: skip
        place = place_of(job.given_path)
        if place.uid:
            self._put(PodEvent(place, reason, action, note, is_warning, time_ns))


def _camel(words: str) -> str:
    """`timed_out` as `TimedOut`: a reason is one such word, and so is an action."""
    return "".join(word[:1].upper() + word[1:] for word in words.split("_"))
