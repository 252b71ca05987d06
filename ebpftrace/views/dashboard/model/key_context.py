"""What the effect of a key depends on besides the state."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.stopped_processes import StoppedByKey


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What was on the screen when a key was pressed. `stopped` is current even if paused."""

    rows: Sequence[Row]
    page: int  # rows on the screen
    furthest: int = 0  # last line to which the detail or the help can be scrolled
    stopped: StoppedByKey = field(default_factory=dict)
    now_ns: int = 0  # CLOCK_MONOTONIC
