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
GOPLS, GO = (one.key for one in LEAK.processes)
ON_GOPLS = DashboardState(cursor=RowKey(LEAK.identity.key, GOPLS))
ON_GO = DashboardState(cursor=RowKey(LEAK.identity.key, GO))
ON_JOB = DashboardState(cursor=RowKey(LEAK.identity.key))
ELSEWHERE = DashboardState(cursor=RowKey(dashboards.steady_job().identity.key))
STANDS = watches.fuse_news(job=LEAK.identity, process=GOPLS)
CHILD = watches.fuse_news(job=LEAK.identity, process=GO, comm="go")
KILLS = "x again within 3 s kills gopls 4711"


def pressed(
    state: DashboardState, key: str, stopped: Sequence[FuseEvent] = (STANDS,), now_ns: int = 10
) -> tuple[DashboardState, Effect | UserCommand]:
    there = {one.process: one for one in stopped}
    return press(state, key, KeyContext(rows(BOOKS, state), 5, 0, there, now_ns))


@pytest.mark.parametrize("state", [ON_GOPLS, ON_JOB, replace(ON_GOPLS, pane=Pane.DETAIL)])
def test_t_lets_the_chosen_one_go_on_or_the_only_one_of_the_chosen_job(
    state: DashboardState,
) -> None:
    after, effect = pressed(state, "t")
    assert effect == UserCommand(UserCommandKind.THAW, GOPLS)
    assert after == replace(state, message="asked that gopls 4711 goes on")


def test_x_ends_it_once_it_is_pressed_again() -> None:
    after, effect = pressed(ON_GOPLS, "x")
    assert (after.message, effect) == (KILLS, Effect.NONE)
    after, effect = pressed(after, "x", now_ns=9 + CONFIRM_NS)
    assert effect == UserCommand(UserCommandKind.END, GOPLS)
    assert (after.message, after.pending_kill) == ("asked that gopls 4711 is killed", None)


def test_too_late_it_asks_again() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    after, effect = pressed(after, "x", now_ns=10 + CONFIRM_NS)
    assert (after.message, effect) == (KILLS, Effect.NONE)


def test_another_key_or_another_process_takes_the_question_back() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    for key in ("j", "t", "?", "w"):
        between, _ = pressed(after, key)
        assert between.pending_kill is None, key
    moved = replace(after, cursor=ON_GO.cursor)
    after, effect = pressed(moved, "x", [STANDS, CHILD])
    assert (after.message, effect) == ("x again within 3 s kills go 4790", Effect.NONE)


def test_one_that_ended_or_goes_on_meanwhile_is_not_ended() -> None:
    after, _ = pressed(ON_GOPLS, "x")
    assert pressed(after, "x", [])[1] is Effect.NONE


@pytest.mark.parametrize("key", ["t", "x"])
def test_where_nobody_is_meant_nothing_is_asked_for_and_the_reason_is_told(key: str) -> None:
    there = "choose gopls 4711 in acme/search#903"
    for state, stopped, told in (
        (ON_GOPLS, (), "nothing stands"),
        (ON_GO, (STANDS,), f"go 4790 does not stand: {there}"),
        (ELSEWHERE, (STANDS,), f"nothing in steady stands: {there}"),
        (ELSEWHERE, (STANDS, CHILD), f"nothing in steady stands: {there} and 1 more"),
        (ON_JOB, (STANDS, CHILD), "2 processes of acme/search#903 stand: choose one"),
    ):
        after, effect = pressed(state, key, stopped)
        assert effect is Effect.NONE
        assert after.message == told
    nothing = KeyContext([], 5, stopped={STANDS.process: STANDS}, now_ns=10)
    assert press(DashboardState(), key, nothing)[0].message == "nothing stands"


def test_letters_of_a_filter_and_a_key_that_leaves_the_help_ask_for_nothing() -> None:
    after, effect = pressed(replace(ON_GOPLS, typing=True), "t")
    assert (after.filter_text, effect) == ("t", Effect.NONE)
    after, effect = pressed(replace(ON_GOPLS, pane=Pane.HELP), "t")
    assert (after.pane, effect) == (Pane.LIST, Effect.NONE)
