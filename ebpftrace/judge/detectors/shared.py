"""shared: a limit that other jobs filled is near, and this job did not bring it nearer."""

from dataclasses import dataclass
from typing import ClassVar

from ebpftrace.judge import words
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import grew, limit_is_shared, nearer_shared

NAME = "shared"


@dataclass(frozen=True, slots=True)
class SharedDetector(Detector):
    """`bound_share` of a limit is taken that the job shares, and the others took it.

    It is a notice that nothing acts on: the OOM killer may take a process of this job, and
    ending one would not help against the job that grows.
    """

    bound_share: float = 0.9
    name: str = NAME

    units: ClassVar = frozenset({FindingUnit.SHARE})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = None
    bytes_to_bound: ClassVar = None

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        shared = now.shared if limit_is_shared(now) else nearer_shared(now)
        if shared is None or shared.used_share < self.bound_share or grew(samples):
            return None
        sentence = (
            f"holds {words.size(now.held_bytes)} and did not grow; "
            f"{words.share(shared.used_share)} of {words.shared_limit(now)}, is taken "
            f"(bound {words.share(self.bound_share)})"
        )
        return Verdict(
            Severity.NOTICE, shared.used_share, self.bound_share, FindingUnit.SHARE,
            now.time_ns, sentence,
        )  # fmt: skip


CONDITION = None
"""A policy cannot ask for it: nothing that is done to this job would help."""
