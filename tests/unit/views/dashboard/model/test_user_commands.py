from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpftrace.act.fuse.events import FuseEvent, UserCommand, UserCommandKind
from ebpftrace.views.dashboard.model.key_actions import press
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.state import DashboardState, Effect, Pane, RowKey
from ebpftrace.views.dashboard.model.user_commands import CONFIRM_NS
from tests.support import dashboards, watches

BOOKS = dashboards.several()
LEAK = dashboards.leaking_job()
GOPLS, GO = (process.key for process in LEAK.processes)
ON_GOPLS = DashboardState(cursor=RowKey(LEAK.identity.key, GOPLS))
ON_GO = DashboardState(cursor=RowKey(LEAK.identity.key, GO))
ON_JOB = DashboardState(cursor=RowKey(LEAK.identity.key))
ELSEWHERE = DashboardState(cursor=RowKey(dashboards.steady_job().identity.key))
STOPPED = watches.fuse_event(job=LEAK.identity, process=GOPLS)
CHILD = watches.fuse_event(job=LEAK.identity, process=GO, comm="go")
KILLS = "x again within 3 s kills gopls 4711"


def pressed(
    state: DashboardState, key: str, stopped: Sequence[FuseEvent] = (STOPPED,), now_ns: int = 10
) -> tuple[DashboardState, Effect | UserCommand]:
    by_key = {event.process: event for event in stopped}
    return press(state, key, KeyContext(rows(BOOKS, state), 5, 0, by_key, now_ns))


@pytest.mark.parametrize("state", [ON_GOPLS, ON_JOB, replace(ON_GOPLS, pane=Pane.DETAIL)])
def test_t_resumes_the_chosen_process_or_the_only_stopped_one_of_the_chosen_job(
    state: DashboardState,
) -> None:
    after, effect = pressed(state, "t")
    assert effect == UserCommand(UserCommandKind.THAW, GOPLS)
    assert after == replace(state, message="resuming gopls 4711")


def test_x_kills_a_process_when_pressed_twice() -> None:
    after, effect = pressed(ON_GOPLS, "x")
    assert (after.message, effect) == (KILLS, Effect.NONE)
    after, effect = pressed(after, "x", now_ns=9 + CONFIRM_NS)
    assert effect == UserCommand(UserCommandKind.END, GOPLS)
    assert (after.message, after.pending_kill) == ("killing gopls 4711", None)


def test_x_pressed_too_late_asks_again() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    after, effect = pressed(after, "x", now_ns=10 + CONFIRM_NS)
    assert (after.message, effect) == (KILLS, Effect.NONE)


def test_another_key_or_another_process_cancels_the_pending_kill() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    for key in ("j", "t", "?", "w"):
        between, _ = pressed(after, key)
        assert between.pending_kill is None, key
    moved = replace(after, cursor=ON_GO.cursor)
    after, effect = pressed(moved, "x", [STOPPED, CHILD])
    assert (after.message, effect) == ("x again within 3 s kills go 4790", Effect.NONE)


def test_a_process_that_ended_or_was_resumed_meanwhile_is_not_killed() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    assert pressed(after, "x", [])[1] is Effect.NONE


@pytest.mark.parametrize("key", ["t", "x"])
def test_without_a_single_target_the_message_says_why(key: str) -> None:
    there = "choose gopls 4711 in acme/search#903"
    for state, stopped, message in (
        (ON_GOPLS, (), "no process is stopped"),
        (ON_GO, (STOPPED,), f"go 4790 is not stopped: {there}"),
        (ELSEWHERE, (STOPPED,), f"no process in steady is stopped: {there}"),
        (ELSEWHERE, (STOPPED, CHILD), f"no process in steady is stopped: {there} and 1 more"),
        (ON_JOB, (STOPPED, CHILD), "2 processes of acme/search#903 are stopped: choose one"),
    ):
        after, effect = pressed(state, key, stopped)
        assert effect is Effect.NONE
        assert after.message == message
    nothing = KeyContext([], 5, stopped={STOPPED.process: STOPPED}, now_ns=10)
    assert press(DashboardState(), key, nothing)[0].message == "no process is stopped"


def test_keys_of_the_filter_and_of_the_help_request_nothing() -> None:
    after, effect = pressed(replace(ON_GOPLS, typing=True), "t")
    assert (after.filter_text, effect) == ("t", Effect.NONE)
    after, effect = pressed(replace(ON_GOPLS, pane=Pane.HELP), "t")
    assert (after.pane, effect) == (Pane.LIST, Effect.NONE)
