"""What a detector says of one subject's history, before it is known to whom it is said."""

from dataclasses import dataclass
from typing import Protocol

from ebpftrace.judge.finding import Severity
from ebpftrace.judge.samples import Samples


@dataclass(frozen=True, slots=True)
class Verdict:
    """`words` are the predicate of the sentence: "gained 312 MiB in 48 s (bound …)".

    With less than `over_below_bytes` held it is over at once, without waiting whether it
    comes again: what was said to be kept was given back.
    """

    severity: Severity
    measured: float
    bound: float
    unit: str
    since_ns: int
    words: str
    seconds_to_limit: float | None = None
    over_below_bytes: int = 0


class Detector(Protocol):
    """One subject's history in, a verdict out. Its fields are its settings; it has no state."""

    @property
    def name(self) -> str:
        """What its findings are called: `level`, `growth`, …"""

    def verdict(self, samples: Samples) -> Verdict | None:
        """None where there is nothing to say."""
