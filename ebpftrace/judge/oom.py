"""oom: the kernel's OOM killer took a process of the job."""

from dataclasses import dataclass

from ebpftrace.judge import words
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdict import Verdict
from ebpftrace.ledger import OomNote
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class OomDetector:
    """More kills than `window_ns` ago. The first sample seeds it: older kills are history."""

    window_ns: int = 60 * NS_PER_SECOND
    severity: Severity = Severity.CRITICAL
    name: str = "oom"

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        before = samples.before(self.window_ns)
        kills = now.oom_kills - before.oom_kills
        if kills <= 0:
            return None
        since = next(
            one.time_ns
            for one in samples.within(self.window_ns)
            if one.oom_kills > before.oom_kills
        )
        limit = f" at the limit of {words.size(now.limit_bytes)}" if now.limit_bytes else ""
        times = "a process" if kills == 1 else f"{kills} processes"
        told = f"lost {times} to the OOM killer{limit}"
        return Verdict(self.severity, kills, 1, "kills", since, told, 0.0)

    def of_note(self, note: OomNote) -> tuple[str, Verdict]:
        """The kernel's own word on one victim: who it was, and the verdict."""
        limit = f"at the limit of {words.size(note.limit_bytes)}" if note.limit_bytes else ""
        held = words.size(note.usage.held_bytes)
        told = f"was taken by the OOM killer {limit}".rstrip() + f"; it held {held}"
        who = f"{note.comm} {note.key.pid} in job {note.job.kind}/{note.job.name}"
        verdict = Verdict(self.severity, 1, 1, "kills", note.monotonic_ns, told, 0.0)
        return who, verdict
