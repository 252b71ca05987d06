"""The user's state of the dashboard: cursor, filter, sort order and panes."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND

WINDOWS_NS = (60 * NS_PER_SECOND, 300 * NS_PER_SECOND, 900 * NS_PER_SECOND)
"""The windows of sparklines and charts, in nanoseconds."""


class Sort(StrEnum):
    """The order of the list."""

    SIZE = "size"
    GROWTH = "growth"
    TIME = "time to limit"
    NAME = "name"


class Pane(StrEnum):
    """What the middle of the screen shows."""

    LIST = "list"
    DETAIL = "detail"
    HELP = "help"


class Effect(StrEnum):
    """What a key asks for beyond the screen."""

    NONE = ""
    QUIT = "quit"
    SAVE = "save"
    REDRAW = "redraw"


@dataclass(frozen=True, slots=True)
class RowKey:
    """The key of a row: a job, or a process of it."""

    job: str
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class DashboardState:
    """What the user chose. `cursor` None is the first row, whichever that is."""

    cursor: RowKey | None = None
    index: int = 0  # of the cursor: it stays there when its row goes
    top: int = 0  # first row on the screen
    folded: frozenset[str] = frozenset()  # keys of jobs
    all_folded: bool = False  # then `folded` has the open ones
    sort: Sort = Sort.SIZE
    filter_text: str = ""  # casefolded when it is compared
    typing: bool = False  # keys go into the filter
    paused: bool = False
    window: int = 1  # index into WINDOWS_NS
    pane: Pane = Pane.LIST
    scroll: int = 0  # first line shown of a long detail or help
    message: str = ""  # shown until the next key
    pending_kill: ProcessKey | None = None  # killed if x is pressed again in time
    pending_kill_until_ns: int = 0  # CLOCK_MONOTONIC

    @property
    def window_ns(self) -> int:
        return WINDOWS_NS[self.window]

    def is_folded(self, job: str) -> bool:
        return (job in self.folded) != self.all_folded
