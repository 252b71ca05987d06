"""The detectors, one a file, and which of them a policy can ask for.

Each module of this package says how a policy asks for its detector, as its `CONDITION`; None
where no policy can. There is no list of them: a file that is added here is a detector.
"""

from typing import Any

from ebpftrace.discovery import discover
from ebpftrace.judge.condition_kind import ConditionKind

CONDITION_KINDS: dict[str, ConditionKind[Any]] = discover(
    __name__, __path__, "CONDITION", ConditionKind, optional=True
)
