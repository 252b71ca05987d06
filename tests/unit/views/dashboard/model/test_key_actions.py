from ebpftrace.views.dashboard.model.key_actions import press
from ebpftrace.views.dashboard.model.key_context import KeyContext
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.state import DashboardState, Effect, Pane, RowKey, Sort
from tests.support import dashboards

BOOKS = dashboards.several()
LEAK = dashboards.leaking_job().identity.key


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
    assert after(DashboardState(), "G", "home").cursor is None  # it goes with whatever is first


def test_folding_from_a_process_goes_to_its_job() -> None:
    state = after(DashboardState(), "j", "j", "j", " ")
    assert state.cursor == RowKey(LEAK)
    assert state.is_folded(LEAK)
    assert not after(state, " ").is_folded(LEAK)


def test_all_are_folded_and_single_ones_opened() -> None:
    state = after(DashboardState(), "j", "j", "z")
    assert all(row.process is None for row in rows(BOOKS, state))
    state = after(state, "right")
    assert not state.is_folded(LEAK)
    assert after(state, "right").pane is Pane.DETAIL


def test_each_choice_goes_round() -> None:
    assert [after(DashboardState(), *"s" * times).sort for times in range(5)] == [
        *Sort,
        Sort.SIZE,
    ]
    assert [after(DashboardState(), *"w" * times).window for times in range(4)] == [1, 2, 0, 1]
    assert after(DashboardState(), "p").paused
    assert not after(DashboardState(), "p", "p").paused


def test_a_filter_takes_letters_and_gives_them_back() -> None:
    state = after(DashboardState(), "/", "q", "S", "表", "backspace")
    assert (state.filter_text, state.typing) == ("qS", True)
    assert after(state, "enter").filter_text == "qS"
    assert after(state, "enter", "escape").filter_text == ""
    assert after(state, "ctrl-u").filter_text == ""
    assert not after(state, "backspace", "backspace", "backspace").typing
    assert len(after(DashboardState(), "/", *"x" * 200).filter_text) < 100


def test_panes() -> None:
    assert after(DashboardState(), "enter").pane is Pane.DETAIL
    assert after(DashboardState(), "enter", "enter").pane is Pane.LIST
    assert after(DashboardState(), "enter", "left").pane is Pane.LIST
    assert after(DashboardState(), "?").pane is Pane.HELP
    assert after(DashboardState(), "?", "j") == DashboardState()


def test_a_help_and_a_detail_that_are_too_long_are_scrolled() -> None:
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


def test_effects_reach_the_world() -> None:
    nothing = KeyContext([], 1)
    for key, effect in (("q", Effect.QUIT), ("ctrl-d", Effect.QUIT), ("S", Effect.SAVE),
                        ("ctrl-l", Effect.REDRAW)):  # fmt: skip
        assert press(DashboardState(), key, nothing) == (DashboardState(), effect)


def test_no_key_fails_where_there_is_no_row() -> None:
    nothing = KeyContext([], 1)
    for key in ("j", "k", "G", "g", " ", "z", "right", "left", "enter", "page down", "é"):
        state, _ = press(DashboardState(cursor=RowKey("gone")), key, nothing)
        press(state, key, nothing)


def test_a_message_is_gone_with_the_next_key() -> None:
    assert after(DashboardState(message="saved"), "é").message == ""
