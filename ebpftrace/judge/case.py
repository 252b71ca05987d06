"""One subject that is judged: its history, and the findings that are in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ebpftrace.judge.finding import Finding, Subject
from ebpftrace.judge.sample import Sample, is_alike
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.ledger.climbs.floor import FINE_NS
from ebpftrace.ledger.trend import Trend

_CLOSE_SHARE = 0.5
"""Of a limit: above it a verdict may depend on how long nothing has changed."""

_NOTHING: Mapping[str, Finding] = MappingProxyType({})


@dataclass(slots=True)
class CurrentFindings:
    """The findings of a case, and what they were judged by; all by detector."""

    findings: dict[str, Finding] = field(default_factory=dict)
    met_ns: dict[str, int] = field(default_factory=dict)  # when its condition was last met
    ends_below: dict[str, int] = field(default_factory=dict)  # bytes: see Verdict
    labels: dict[str, str] = field(default_factory=dict)  # what the sentences call it


@dataclass(slots=True)
class Case:
    """A job, or a process of it."""

    subject: Subject
    samples: Samples
    seen_ns: int
    job: JobSnapshot  # as it was seen last, and so the process
    process: ProcessSnapshot | None
    number: int = 0  # of the judge's, in the order in which they came
    moved_ns: int | None = None  # the last sample that differs from the one before
    _in_force: CurrentFindings | None = None  # most cases never have one, and are many

    @property
    def findings(self) -> Mapping[str, Finding]:
        """Those in force, by detector."""
        return _NOTHING if self._in_force is None else self._in_force.findings

    @property
    def in_force(self) -> CurrentFindings:
        """The same to be changed."""
        if self._in_force is None:
            self._in_force = CurrentFindings()
        return self._in_force

    def rests(self, job: JobSnapshot, process: ProcessSnapshot | None) -> bool:
        """Whether a sample of these snapshots would be like all those of the last two minutes.

        Then no detector judges anything anew, as long as there is no finding that may end, no
        climb, no run before that was of another age, and no limit that is near.
        """
        if job is not self.job or process is not self.process or self.findings:
            return False
        samples, now = self.samples, self.samples.now
        if samples.past is not None or samples.trend.climb is not None:
            return False
        if self.moved_ns is not None and now.time_ns - self.moved_ns <= FINE_NS:
            return False
        shared = now.shared.used_share if now.shared else 0.0
        taken = max(now.used_share or 0.0, now.high_share or 0.0, shared)
        return taken < _CLOSE_SHARE and not now.stuck

    def take(
        self,
        sample: Sample,
        trend: Trend,
        job: JobSnapshot,
        process: ProcessSnapshot | None,
        *,
        step_ns: int,
    ) -> None:
        """The next sample. While it rested a sample was not taken every `step_ns`."""
        self.samples.stay_until(self.seen_ns, step_ns)
        if job is not self.job and not is_alike(sample, self.samples.now):
            self.moved_ns = sample.time_ns
        self.samples.add(sample, trend)
        self.seen_ns, self.job, self.process = sample.time_ns, job, process
