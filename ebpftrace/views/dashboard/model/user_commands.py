"""The keys that command what happens to a stopped process."""

from dataclasses import replace

from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.model.frozen import process_name, stopped_in_row
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import Row, find
from ebpftrace.views.dashboard.model.state import DashboardState, Effect

COMMAND_KEYS = {"t": UserCommandKind.THAW, "x": UserCommandKind.END}

CONFIRM_NS = 3 * NS_PER_SECOND
"""The time within which x is to be pressed again to kill a process."""


def request_command(
    state: DashboardState, kind: UserCommandKind, context: KeyContext
) -> tuple[DashboardState, Effect | UserCommand]:
    """The command for the one stopped process of the cursor's row, if there is exactly one.

    The state's message says what was requested, or why nothing was. A kill is requested
    only when `state.pending_kill` already is that process.
    """
    pending_kill = state.pending_kill
    state = replace(state, pending_kill=None)
    row = context.rows[find(context.rows, state)] if context.rows else None
    stopped = stopped_in_row(row, context.stopped) if row is not None else []
    if row is None or len(stopped) != 1:
        message = _no_single_target(row, len(stopped), context)
        return replace(state, message=message), Effect.NONE
    target = stopped[0]
    name = process_name(target)
    if kind is UserCommandKind.END and pending_kill != target.process:
        asked = replace(
            state,
            message=f"x again within {CONFIRM_NS // NS_PER_SECOND} s kills {name}",
            pending_kill=target.process,
            pending_kill_until_ns=context.now_ns + CONFIRM_NS,
        )
        return asked, Effect.NONE
    verb = "resuming" if kind is UserCommandKind.THAW else "killing"
    return replace(state, message=f"{verb} {name}"), UserCommand(kind, target.process)


def _no_single_target(row: Row | None, number: int, context: KeyContext) -> str:
    """Why the row does not stand for exactly one stopped process."""
    if row is None or not context.stopped:
        return "no process is stopped"
    if number:
        return f"{number:,} processes of {row.job.identity.name} are stopped: choose one"
    if row.process is not None:
        reason = f"{row.process.comm} {row.process.pid} is not stopped"
    else:
        reason = f"no process in {row.job.identity.name} is stopped"
    first = min(context.stopped.values(), key=lambda event: event.monotonic_ns)
    more = f" and {len(context.stopped) - 1:,} more" if len(context.stopped) > 1 else ""
    return f"{reason}: choose {process_name(first)} in {first.job.name}{more}"
