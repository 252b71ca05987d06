import pytest

from ebpftrace.views.dashboard.model.key_actions import press
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.state import DashboardState, Effect, Pane, RowKey, Sort
from tests.support import dashboards

BOOKS = dashboards.several()
LEAK = dashboards.leaking_job().identity.key
NO_ROWS = KeyContext([], 1)


def after(state: DashboardState, *keys: str) -> DashboardState:
    for key in keys:
        state, effect = press(state, key, KeyContext(rows(BOOKS, state), 5))
        assert effect is Effect.NONE
    return state


def at(state: DashboardState) -> int:
    return [row.key for row in rows(BOOKS, state)].index(
        state.cursor or rows(BOOKS, state)[0].key
    )


def test_moving_stops_at_both_ends() -> None:
    last = len(rows(BOOKS, DashboardState())) - 1
    assert at(after(DashboardState(), "k")) == 0
    assert at(after(DashboardState(), "j", "down", "k")) == 1
    assert at(after(DashboardState(), "page down")) == 4
    assert at(after(DashboardState(), "G", "j")) == last
    assert at(after(DashboardState(), "end", "page up")) == last - 4
    assert after(DashboardState(), "G", "home").cursor is None  # the first row, whichever it is


def test_folding_from_a_process_goes_to_its_job() -> None:
    state = after(DashboardState(), "j", "j", "j", " ")
    assert state.cursor == RowKey(LEAK)
    assert state.is_folded(LEAK)
    assert not after(state, " ").is_folded(LEAK)


def test_all_jobs_are_folded_and_single_ones_unfolded() -> None:
    state = after(DashboardState(), "j", "j", "z")
    assert all(row.process is None for row in rows(BOOKS, state))
    state = after(state, "right")
    assert not state.is_folded(LEAK)
    assert after(state, "right").pane is Pane.DETAIL


def test_sort_window_and_pause_cycle() -> None:
    assert [after(DashboardState(), *"s" * times).sort for times in range(5)] == [
        *Sort,
        Sort.SIZE,
    ]
    assert [after(DashboardState(), *"w" * times).window for times in range(4)] == [1, 2, 0, 1]
    assert after(DashboardState(), "p").paused
    assert not after(DashboardState(), "p", "p").paused


def test_the_filter_is_typed_and_deleted() -> None:
    state = after(DashboardState(), "/", "q", "S", "表", "backspace")
    assert (state.filter_text, state.typing) == ("qS", True)
    assert after(state, "enter").filter_text == "qS"
    assert after(state, "enter", "escape").filter_text == ""
    assert after(state, "ctrl-u").filter_text == ""
    assert not after(state, "backspace", "backspace", "backspace").typing
    assert len(after(DashboardState(), "/", *"x" * 200).filter_text) < 100


def test_keys_open_and_close_panes() -> None:
    assert after(DashboardState(), "enter").pane is Pane.DETAIL
    assert after(DashboardState(), "enter", "enter").pane is Pane.LIST
    assert after(DashboardState(), "enter", "left").pane is Pane.LIST
    assert after(DashboardState(), "?").pane is Pane.HELP
    assert after(DashboardState(), "?", "j") == DashboardState()


def test_a_long_help_and_a_long_detail_are_scrolled() -> None:
    context = KeyContext(rows(BOOKS, DashboardState()), 5, furthest=6)

    def scroll(pane: Pane, *keys: str) -> tuple[Pane, int]:
        state = DashboardState(pane=pane)
        for key in keys:
            state, _ = press(state, key, context)
        return state.pane, state.scroll

    assert scroll(Pane.HELP, "j", "j", "k") == (Pane.HELP, 1)
    assert scroll(Pane.HELP, "page down", "page down") == (Pane.HELP, 6)
    assert scroll(Pane.HELP, "page up") == (Pane.HELP, 0)
    assert scroll(Pane.HELP, "j", "x") == (Pane.LIST, 0)
    assert scroll(Pane.DETAIL, "page down") == (Pane.DETAIL, 4)
    assert scroll(Pane.DETAIL, "page down", "j") == (Pane.DETAIL, 0)  # the next row's
    assert scroll(Pane.DETAIL, "page down", "escape") == (Pane.LIST, 0)


def test_keys_with_an_effect_beyond_the_screen() -> None:
    for key, effect in (("q", Effect.QUIT), ("ctrl-d", Effect.QUIT), ("S", Effect.SAVE),
                        ("ctrl-l", Effect.REDRAW)):  # fmt: skip
        assert press(DashboardState(), key, NO_ROWS) == (DashboardState(), effect)


@pytest.mark.parametrize("key", ["j", "k", "G", "g", "home", "end", "page up", "page down"])
def test_without_rows_moving_puts_the_cursor_on_the_first_row(key: str) -> None:
    state, effect = press(DashboardState(cursor=RowKey("gone"), index=3), key, NO_ROWS)
    assert (state.cursor, state.index, effect) == (None, 0, Effect.NONE)


@pytest.mark.parametrize("key", [" ", "left", "é"])
def test_without_rows_nothing_is_folded(key: str) -> None:
    state = DashboardState(cursor=RowKey("gone"), index=3)
    assert press(state, key, NO_ROWS) == (state, Effect.NONE)


def test_without_rows_all_jobs_can_be_folded_and_the_detail_opened() -> None:
    state = DashboardState(cursor=RowKey("gone"))
    folded, _ = press(state, "z", NO_ROWS)
    assert (folded.all_folded, folded.cursor) == (True, None)
    for key in ("right", "enter"):
        assert press(state, key, NO_ROWS)[0].pane is Pane.DETAIL


def test_the_next_key_clears_the_message() -> None:
    assert after(DashboardState(message="saved"), "é").message == ""
