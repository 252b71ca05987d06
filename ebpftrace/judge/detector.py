"""What every detector has: its properties, and a verdict on the history of one subject."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples

BytesToBound = Callable[[Samples], int | None]
"""How many more bytes a history may hold until it meets a bound; 0 or less where it is met.

None where there is no such bound, as with a share of a limit that is not set.
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A detector's condition is met.

    `words` are the predicate of the sentence: "gained 312 MiB in 48 s (bound …)". With less
    than `ends_below_bytes` held the finding ends at once, without the usual delay: what was
    reported as kept has been given back.
    """

    severity: Severity
    measured: float
    bound: float
    unit: FindingUnit
    since_ns: int
    words: str
    seconds_to_limit: float | None = None
    ends_below_bytes: int = 0


class Detector(ABC):
    """A frozen dataclass whose fields are its settings; it has no state.

    Every property is abstract: a detector that leaves one out cannot be created.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What its findings are called: `level`, `growth`, …"""

    @property
    @abstractmethod
    def units(self) -> frozenset[FindingUnit]:
        """What its findings are measured in."""

    @property
    @abstractmethod
    def measures_gain(self) -> bool:
        """Whether it judges what was gained: its finding names the process with most gain."""

    @property
    @abstractmethod
    def sample_every_ns(self) -> int | None:
        """How often it needs a sample; None where every interval will do."""

    @property
    @abstractmethod
    def bytes_to_bound(self) -> BytesToBound | None:
        """For a mark that the kernel side watches; None where no size alone meets the bound."""

    @abstractmethod
    def verdict(self, samples: Samples) -> Verdict | None:
        """None where the condition is not met."""
