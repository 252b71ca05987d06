"""The keys that ask for something to become of a process that stands."""

from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEvent, UserCommand, UserCommandKind
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.model.frozen import frozen_at, who
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import Row, find
from ebpftrace.views.dashboard.model.state import DashboardState, Effect

WISHES = {"t": UserCommandKind.THAW, "x": UserCommandKind.END}

CONFIRM_NS = 3 * NS_PER_SECOND
"""Within so long the key is to be pressed again, before a process is ended."""


def wished(
    state: DashboardState, kind: UserCommandKind, sight: KeyContext
) -> tuple[DashboardState, Effect | UserCommand]:
    """Ask for it, where one process alone is meant; the message says what is asked, or why
    nothing is. `state.doomed` is whom the key before this one was about.
    """
    doomed = state.doomed
    state = replace(state, doomed=None)
    here = sight.rows[find(sight.rows, state)] if sight.rows else None
    standing = frozen_at(here, sight.standing) if here is not None else []
    if here is None or len(standing) != 1:
        return replace(state, message=_nobody(here, len(standing), sight)), Effect.NONE
    one = standing[0]
    if kind is UserCommandKind.END and doomed != one.process:
        asked = f"x again within {CONFIRM_NS // NS_PER_SECOND} s kills {who(one)}"
        until = sight.now_ns + CONFIRM_NS
        return replace(
            state, message=asked, doomed=one.process, doomed_ns=until
        ), Effect.NONE  # fmt: skip
    return replace(state, message=_asked(kind, one)), UserCommand(kind, one.process)


def _asked(kind: UserCommandKind, one: FuseEvent) -> str:
    if kind is UserCommandKind.THAW:
        return f"asked that {who(one)} goes on"
    return f"asked that {who(one)} is killed"


def _nobody(here: Row | None, number: int, sight: KeyContext) -> str:
    """Why there is no one process that is meant."""
    if here is None or not sight.standing:
        return "nothing stands"
    if number:
        return f"{number:,} processes of {here.job.identity.name} stand: choose one"
    if here.process is not None:
        told = f"{here.process.comm} {here.process.pid} does not stand"
    else:
        told = f"nothing in {here.job.identity.name} stands"
    first = min(sight.standing.values(), key=lambda news: news.monotonic_ns)
    more = f" and {len(sight.standing) - 1:,} more" if len(sight.standing) > 1 else ""
    return f"{told}: choose {who(first)} in {first.job.name}{more}"
