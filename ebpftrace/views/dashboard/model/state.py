"""What a user has made of the dashboard so far; nothing of it comes from the kernel."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND

WINDOWS_NS = (60 * NS_PER_SECOND, 300 * NS_PER_SECOND, 900 * NS_PER_SECOND)
"""What sparklines and charts look back on."""


class Sort(StrEnum):
    """What comes first."""

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
    """What a key asks of the world beyond the screen."""

    NONE = ""
    QUIT = "quit"
    SAVE = "save"
    REDRAW = "redraw"


@dataclass(frozen=True, slots=True)
class RowKey:
    """A job, or a process of it."""

    job: str
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class DashboardState:
    """One user's view of the books. `cursor` None: whatever is first."""

    cursor: RowKey | None = None
    index: int = 0  # where the cursor was: it stays there when its row goes
    top: int = 0  # first row on the screen
    folded: frozenset[str] = frozenset()  # keys of jobs
    all_folded: bool = False  # then `folded` names those that are open
    sort: Sort = Sort.SIZE
    filter_text: str = ""  # the filter; casefolded where it is compared
    typing: bool = False  # keys go into the filter
    paused: bool = False
    window: int = 1  # index into WINDOWS_NS
    pane: Pane = Pane.LIST
    scroll: int = 0  # first line of a detail or a help that is longer than its place
    message: str = ""  # said once, until the next key
    pending_kill: ProcessKey | None = None  # whom the same key ends, until then
    pending_kill_until_ns: int = 0  # CLOCK_MONOTONIC

    @property
    def window_ns(self) -> int:
        return WINDOWS_NS[self.window]

    def is_folded(self, job: str) -> bool:
        return (job in self.folded) != self.all_folded
