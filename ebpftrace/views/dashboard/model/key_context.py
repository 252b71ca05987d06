"""What a key is judged by, besides the state."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.stopped_processes import StoppedByKey


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What the user saw when they pressed a key; who stands is as it is, paused or not."""

    rows: Sequence[Row]
    page: int  # rows on the screen
    furthest: int = 0  # how far the detail or the help can be scrolled
    stopped: StoppedByKey = field(default_factory=dict)
    now_ns: int = 0  # CLOCK_MONOTONIC
