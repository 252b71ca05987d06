"""The detectors, one a file, and which of them a policy can ask for.

To add one: a file here, its test, its row in docs/policy.md, and its name in this list.
"""

from typing import Any

from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detectors.builtin import BUILTIN
from ebpftrace.judge.detectors.climb import CLIMB
from ebpftrace.judge.detectors.growth import GROWTH
from ebpftrace.judge.detectors.level import LEVEL
from ebpftrace.judge.detectors.oom import OOM
from ebpftrace.judge.detectors.thrash import THRASH
from ebpftrace.judge.detectors.time_to_limit import TIME_TO_LIMIT

CONDITION_KINDS: dict[str, ConditionKind[Any]] = {
    kind.name: kind for kind in (BUILTIN, LEVEL, GROWTH, CLIMB, TIME_TO_LIMIT, THRASH, OOM)
}
