"""oom: the kernel's OOM killer killed a process of the job."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.attribution import NAMED_SHARE, unattributed
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger import JobSnapshot, OomNote
from ebpftrace.units import NS_PER_SECOND

NAME = "oom"


@dataclass(frozen=True, slots=True)
class OomDetector(Detector):
    """More kills than `window_ns` ago. The first sample seeds it: older kills are history."""

    window_ns: int = 60 * NS_PER_SECOND
    severity: Severity = Severity.CRITICAL
    name: str = NAME

    units: ClassVar = frozenset({FindingUnit.KILLS})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        before = samples.before(self.window_ns)
        kills = now.oom_kills - before.oom_kills
        if kills <= 0:
            return None
        since = next(
            sample.time_ns
            for sample in samples.within(self.window_ns)
            if sample.oom_kills > before.oom_kills
        )
        limit = f" at {words.limit(now)}" if now.limit_bytes else ""
        if now.shared is not None and now.limit_hits == before.limit_hits:
            limit = f" at {words.shared_limit(now)}"  # its own was not met
        victims = "a process" if kills == 1 else f"{kills} processes"
        return self._killed(kills, since, f"lost {victims} to the OOM killer{limit}")

    def verdict_on_note(
        self, note: OomNote, before: JobSnapshot | None = None
    ) -> tuple[str, Verdict]:
        """Of one victim that the kernel reported: its name and job, and the verdict.

        `before` is its job at the last snapshot: it may be that others held the memory.
        """
        limit = ""
        if note.limit_bytes:
            named = words.limit_of(note.limit_bytes, note.limit_cgroup, note.other_jobs)
            limit = f" at {named}"
        held = words.size(note.usage.held_bytes)
        if note.kernel_bytes and note.kernel_bytes > note.usage.held_bytes:
            held += f", kernel memory of the job {words.size(note.kernel_bytes)}"
        victim = f"{note.comm} {note.key.pid} in job {note.job.kind}/{note.job.name}"
        sentence = f"was killed by the OOM killer{limit}; it held {held}"
        if before is not None and note.usage.held_bytes < NAMED_SHARE * before.held_bytes:
            rest = unattributed(before)
            sentence += f"; {rest.words(past=True)}" if rest.is_noted else ""
        return victim, self._killed(1, note.monotonic_ns, sentence)

    def _killed(self, kills: int, since_ns: int, sentence: str) -> Verdict:
        return Verdict(
            self.severity, kills, 1, FindingUnit.KILLS, since_ns, sentence, seconds_to_limit=0.0
        )


def _describe(_: OomDetector, subject: str) -> str:
    return f"the OOM killer kills a process of {subject}"


CONDITION = ConditionKind(
    name=NAME,
    doc="the OOM killer has killed a process of the job",
    settings=(),
    per_process=False,
    build=OomDetector,
    describe=_describe,
)
