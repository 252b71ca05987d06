"""The keys that ask for something to become of a process that stands."""

from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEvent, UserCommand, UserCommandKind
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.model.frozen import stopped_in_row, who
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import Row, find
from ebpftrace.views.dashboard.model.state import DashboardState, Effect

COMMAND_KEYS = {"t": UserCommandKind.THAW, "x": UserCommandKind.END}

CONFIRM_NS = 3 * NS_PER_SECOND
"""Within so long the key is to be pressed again, before a process is ended."""


def request_command(
    state: DashboardState, kind: UserCommandKind, context: KeyContext
) -> tuple[DashboardState, Effect | UserCommand]:
    """Ask for it, where one process alone is meant; the message says what is asked, or why
    nothing is. `state.pending_kill` is whom the key before this one was about.
    """
    pending_kill = state.pending_kill
    state = replace(state, pending_kill=None)
    here = context.rows[find(context.rows, state)] if context.rows else None
    stopped = stopped_in_row(here, context.stopped) if here is not None else []
    if here is None or len(stopped) != 1:
        return replace(state, message=_nobody(here, len(stopped), context)), Effect.NONE
    one = stopped[0]
    if kind is UserCommandKind.END and pending_kill != one.process:
        asked = f"x again within {CONFIRM_NS // NS_PER_SECOND} s kills {who(one)}"
        until = context.now_ns + CONFIRM_NS
        return replace(
            state, message=asked, pending_kill=one.process, pending_kill_until_ns=until
        ), Effect.NONE  # fmt: skip
    return replace(state, message=_asked(kind, one)), UserCommand(kind, one.process)


def _asked(kind: UserCommandKind, one: FuseEvent) -> str:
    if kind is UserCommandKind.THAW:
        return f"asked that {who(one)} goes on"
    return f"asked that {who(one)} is killed"


def _nobody(here: Row | None, number: int, context: KeyContext) -> str:
    """Why there is no one process that is meant."""
    if here is None or not context.stopped:
        return "nothing stands"
    if number:
        return f"{number:,} processes of {here.job.identity.name} stand: choose one"
    if here.process is not None:
        told = f"{here.process.comm} {here.process.pid} does not stand"
    else:
        told = f"nothing in {here.job.identity.name} stands"
    first = min(context.stopped.values(), key=lambda news: news.monotonic_ns)
    more = f" and {len(context.stopped) - 1:,} more" if len(context.stopped) > 1 else ""
    return f"{told}: choose {who(first)} in {first.job.name}{more}"
