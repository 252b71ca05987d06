"""What each key does: a pure step from one state to the next."""

from collections.abc import Callable
from dataclasses import replace

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import find
from ebpftrace.views.dashboard.model.state import (
    WINDOWS_NS,
    DashboardState,
    Effect,
    Pane,
    RowKey,
    Sort,
)
from ebpftrace.views.dashboard.model.user_commands import WISHES, wished

_LONGEST_NEEDLE = 64


def press(
    state: DashboardState, key: str, sight: KeyContext
) -> tuple[DashboardState, Effect | UserCommand]:
    """The state after `key`, and what it asks for beyond the screen."""
    doomed = state.doomed if sight.now_ns < state.doomed_ns else None
    state = replace(state, message="", doomed=None)
    if state.typing:
        return _typed(state, key), Effect.NONE
    if key in _EFFECTS:
        return state, _EFFECTS[key]
    if state.pane is not Pane.LIST and sight.furthest and key in _SCROLLS[state.pane]:
        moved = state.scroll + _SCROLLS[state.pane][key](max(1, sight.page - 1))
        return replace(state, scroll=max(0, min(moved, sight.furthest))), Effect.NONE
    if state.pane is Pane.HELP:
        # Any other key leaves the help, and does nothing else: nobody is surprised.
        return replace(state, pane=Pane.LIST, scroll=0), Effect.NONE
    if key in WISHES:
        return wished(replace(state, doomed=doomed), WISHES[key], sight)
    action = _ACTIONS.get(key)
    after = action(state, sight) if action else state
    if (after.pane, after.cursor) != (state.pane, state.cursor):
        after = replace(after, scroll=0)
    return after, Effect.NONE


def _typed(state: DashboardState, key: str) -> DashboardState:
    if key == "enter":
        return replace(state, typing=False)
    if key == "escape":
        return replace(state, typing=False, needle="")
    if key == "ctrl-u":
        return replace(state, needle="")
    if key == "backspace":
        return replace(state, needle=state.needle[:-1], typing=bool(state.needle))
    if len(key) == 1 and len(state.needle) < _LONGEST_NEEDLE:
        return replace(state, needle=state.needle + key)
    return state


def _at(state: DashboardState, sight: KeyContext, index: int) -> DashboardState:
    """The cursor on a row; on the first one it goes with whatever is first."""
    if not sight.rows:
        return replace(state, cursor=None, index=0)
    index = max(0, min(index, len(sight.rows) - 1))
    return replace(state, cursor=sight.rows[index].key, index=index)


def _by(
    step: Callable[[KeyContext], int],
) -> Callable[[DashboardState, KeyContext], DashboardState]:
    return lambda state, sight: _at(state, sight, find(sight.rows, state) + step(sight))


def _first(state: DashboardState, _sight: KeyContext) -> DashboardState:
    return replace(state, cursor=None, index=0, top=0)


def _last(state: DashboardState, sight: KeyContext) -> DashboardState:
    return _at(state, sight, len(sight.rows) - 1)


def _fold(state: DashboardState, sight: KeyContext) -> DashboardState:
    if not sight.rows:
        return state
    row = sight.rows[find(sight.rows, state)]
    job = row.job.identity.key
    toggled = replace(state, folded=state.folded ^ {job})
    index = next(i for i, one in enumerate(sight.rows) if one.job.identity.key == job)
    if row.process is None and state.cursor is None:
        return toggled
    return replace(toggled, cursor=RowKey(job), index=index)


def _open(state: DashboardState, sight: KeyContext) -> DashboardState:
    """Right: unfold the job, then show the detail."""
    if sight.rows and sight.rows[find(sight.rows, state)].folded:
        return _fold(state, sight)
    return replace(state, pane=Pane.DETAIL)


def _close(state: DashboardState, sight: KeyContext) -> DashboardState:
    """Left: leave the detail, then fold the job."""
    if state.pane is Pane.DETAIL:
        return replace(state, pane=Pane.LIST)
    if sight.rows and not sight.rows[find(sight.rows, state)].folded:
        return _fold(state, sight)
    return state


def _fold_all(state: DashboardState, sight: KeyContext) -> DashboardState:
    job = sight.rows[find(sight.rows, state)].job.identity.key if sight.rows else None
    cursor = RowKey(job) if state.cursor is not None and job is not None else None
    return replace(state, all_folded=not state.all_folded, folded=frozenset(), cursor=cursor)


def _sort(state: DashboardState, _sight: KeyContext) -> DashboardState:
    orders = list(Sort)
    return replace(state, sort=orders[(orders.index(state.sort) + 1) % len(orders)])


def _window(state: DashboardState, _sight: KeyContext) -> DashboardState:
    return replace(state, window=(state.window + 1) % len(WINDOWS_NS))


def _detail(state: DashboardState, _sight: KeyContext) -> DashboardState:
    other = Pane.LIST if state.pane is Pane.DETAIL else Pane.DETAIL
    return replace(state, pane=other)


def _back(state: DashboardState, _sight: KeyContext) -> DashboardState:
    """Escape leaves the detail, then ends the filter."""
    if state.pane is not Pane.LIST:
        return replace(state, pane=Pane.LIST)
    return replace(state, needle="")


def _pause(state: DashboardState, _sight: KeyContext) -> DashboardState:
    return replace(state, paused=not state.paused)


def _filter(state: DashboardState, _sight: KeyContext) -> DashboardState:
    return replace(state, typing=True, pane=Pane.LIST)


def _help(state: DashboardState, _sight: KeyContext) -> DashboardState:
    return replace(state, pane=Pane.HELP)


_EFFECTS = {
    "q": Effect.QUIT, "Q": Effect.QUIT, "ctrl-d": Effect.QUIT,
    "S": Effect.SAVE, "ctrl-l": Effect.REDRAW,
}  # fmt: skip
_PAGES: dict[str, Callable[[int], int]] = {
    "page up": lambda page: -page, "page down": lambda page: page,
}  # fmt: skip
_LINES: dict[str, Callable[[int], int]] = {
    "up": lambda _: -1, "k": lambda _: -1, "down": lambda _: 1, "j": lambda _: 1,
}  # fmt: skip
# In the detail the arrows go to the next row's.
_SCROLLS = {Pane.DETAIL: _PAGES, Pane.HELP: _PAGES | _LINES}
_UP, _DOWN = _by(lambda _: -1), _by(lambda _: 1)
_ACTIONS: dict[str, Callable[[DashboardState, KeyContext], DashboardState]] = {
    "up": _UP, "k": _UP, "down": _DOWN, "j": _DOWN,
    "page up": _by(lambda sight: -max(1, sight.page - 1)),
    "page down": _by(lambda sight: max(1, sight.page - 1)),
    "home": _first, "g": _first, "end": _last, "G": _last,
    " ": _fold, "z": _fold_all, "right": _open, "left": _close,
    "s": _sort, "w": _window, "p": _pause, "/": _filter,
    "enter": _detail, "escape": _back, "backspace": _back, "?": _help, "h": _help,
}  # fmt: skip
