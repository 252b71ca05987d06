"""What each key does: pure functions from one state to the next."""

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
from ebpftrace.views.dashboard.model.user_commands import COMMAND_KEYS, request_command

_MAX_FILTER = 64


def press(
    state: DashboardState, key: str, context: KeyContext
) -> tuple[DashboardState, Effect | UserCommand]:
    """The state after `key`, and what is to be done beyond the screen."""
    pending_kill = state.pending_kill if context.now_ns < state.pending_kill_until_ns else None
    state = replace(state, message="", pending_kill=None)
    if state.typing:
        return _typed(state, key), Effect.NONE
    if key in _EFFECTS:
        return state, _EFFECTS[key]
    if state.pane is not Pane.LIST and context.furthest and key in _SCROLLS[state.pane]:
        moved = state.scroll + _SCROLLS[state.pane][key](max(1, context.page - 1))
        return replace(state, scroll=max(0, min(moved, context.furthest))), Effect.NONE
    if state.pane is Pane.HELP:
        # Any other key only leaves the help.
        return replace(state, pane=Pane.LIST, scroll=0), Effect.NONE
    if key in COMMAND_KEYS:
        return request_command(
            replace(state, pending_kill=pending_kill), COMMAND_KEYS[key], context
        )
    action = _ACTIONS.get(key)
    after = action(state, context) if action else state
    if (after.pane, after.cursor) != (state.pane, state.cursor):
        after = replace(after, scroll=0)
    return after, Effect.NONE


def _typed(state: DashboardState, key: str) -> DashboardState:
    if key == "enter":
        return replace(state, typing=False)
    if key == "escape":
        return replace(state, typing=False, filter_text="")
    if key == "ctrl-u":
        return replace(state, filter_text="")
    if key == "backspace":
        return replace(
            state, filter_text=state.filter_text[:-1], typing=bool(state.filter_text)
        )
    if len(key) == 1 and len(state.filter_text) < _MAX_FILTER:
        return replace(state, filter_text=state.filter_text + key)
    return state


def _at(state: DashboardState, context: KeyContext, index: int) -> DashboardState:
    """Move the cursor to the row at `index`, 0..n-1 after clamping."""
    if not context.rows:
        return replace(state, cursor=None, index=0)
    index = max(0, min(index, len(context.rows) - 1))
    return replace(state, cursor=context.rows[index].key, index=index)


def _by(
    step: Callable[[KeyContext], int],
) -> Callable[[DashboardState, KeyContext], DashboardState]:
    return lambda state, context: _at(state, context, find(context.rows, state) + step(context))


def _first(state: DashboardState, _context: KeyContext) -> DashboardState:
    return replace(state, cursor=None, index=0, top=0)


def _last(state: DashboardState, context: KeyContext) -> DashboardState:
    return _at(state, context, len(context.rows) - 1)


def _fold(state: DashboardState, context: KeyContext) -> DashboardState:
    if not context.rows:
        return state
    row = context.rows[find(context.rows, state)]
    job = row.job.identity.key
    toggled = replace(state, folded=state.folded ^ {job})
    index = next(i for i, row in enumerate(context.rows) if row.job.identity.key == job)
    if row.process is None and state.cursor is None:
        return toggled
    return replace(toggled, cursor=RowKey(job), index=index)


def _open(state: DashboardState, context: KeyContext) -> DashboardState:
    """Right: unfold the job, then show the detail."""
    if context.rows and context.rows[find(context.rows, state)].folded:
        return _fold(state, context)
    return replace(state, pane=Pane.DETAIL)


def _close(state: DashboardState, context: KeyContext) -> DashboardState:
    """Left: leave the detail, then fold the job."""
    if state.pane is Pane.DETAIL:
        return replace(state, pane=Pane.LIST)
    if context.rows and not context.rows[find(context.rows, state)].folded:
        return _fold(state, context)
    return state


def _fold_all(state: DashboardState, context: KeyContext) -> DashboardState:
    job = context.rows[find(context.rows, state)].job.identity.key if context.rows else None
    cursor = RowKey(job) if state.cursor is not None and job is not None else None
    return replace(state, all_folded=not state.all_folded, folded=frozenset(), cursor=cursor)


def _sort(state: DashboardState, _context: KeyContext) -> DashboardState:
    orders = list(Sort)
    return replace(state, sort=orders[(orders.index(state.sort) + 1) % len(orders)])


def _window(state: DashboardState, _context: KeyContext) -> DashboardState:
    return replace(state, window=(state.window + 1) % len(WINDOWS_NS))


def _detail(state: DashboardState, _context: KeyContext) -> DashboardState:
    other = Pane.LIST if state.pane is Pane.DETAIL else Pane.DETAIL
    return replace(state, pane=other)


def _back(state: DashboardState, _context: KeyContext) -> DashboardState:
    """Escape leaves the detail, then ends the filter."""
    if state.pane is not Pane.LIST:
        return replace(state, pane=Pane.LIST)
    return replace(state, filter_text="")


def _pause(state: DashboardState, _context: KeyContext) -> DashboardState:
    return replace(state, paused=not state.paused)


def _filter(state: DashboardState, _context: KeyContext) -> DashboardState:
    return replace(state, typing=True, pane=Pane.LIST)


def _help(state: DashboardState, _context: KeyContext) -> DashboardState:
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
# In the detail, arrows move to another row.
_SCROLLS = {Pane.DETAIL: _PAGES, Pane.HELP: _PAGES | _LINES}
_UP, _DOWN = _by(lambda _: -1), _by(lambda _: 1)
_ACTIONS: dict[str, Callable[[DashboardState, KeyContext], DashboardState]] = {
    "up": _UP, "k": _UP, "down": _DOWN, "j": _DOWN,
    "page up": _by(lambda context: -max(1, context.page - 1)),
    "page down": _by(lambda context: max(1, context.page - 1)),
    "home": _first, "g": _first, "end": _last, "G": _last,
    " ": _fold, "z": _fold_all, "right": _open, "left": _close,
    "s": _sort, "w": _window, "p": _pause, "/": _filter,
    "enter": _detail, "escape": _back, "backspace": _back, "?": _help, "h": _help,
}  # fmt: skip
