from ebpftrace.views.dashboard.model.state import DashboardState, Pane, Sort
from ebpftrace.views.dashboard.render.footer import footer
from ebpftrace.views.dashboard.render.spans import plain, width_of
from tests.support.dashboards import PLAIN


def footer_text(state: DashboardState, width: int = 120) -> str:
    return plain(footer(state, 3, width, PLAIN))


def test_labels_of_keys_follow_the_state() -> None:
    assert "s by time to limit" in footer_text(DashboardState(sort=Sort.TIME))
    assert "w 15m" in footer_text(DashboardState(window=2))
    assert "p resume" in footer_text(DashboardState(paused=True))
    assert "z unfold all" in footer_text(DashboardState(all_folded=True))
    assert "escape back" in footer_text(DashboardState(pane=Pane.DETAIL))


def test_a_filter_shows_the_number_of_rows() -> None:
    assert footer_text(DashboardState(filter_text="go")).startswith("/go 3 shown")
    assert footer_text(DashboardState(filter_text="go", typing=True)).startswith("/go ")


def test_keys_that_do_not_fit_are_left_out() -> None:
    for width in range(1, 120):
        line = footer(DashboardState(), 3, width, PLAIN)
        assert width_of(line) <= width
        assert plain(line).split("  ")[0] in ("q quit", "? help", "/ filter", "w 5m", "")


def test_the_keys_t_and_x_are_shown_for_a_stopped_process() -> None:
    assert "thaw" not in footer_text(DashboardState())
    for state in (
        DashboardState(),
        DashboardState(pane=Pane.DETAIL),
        DashboardState(filter_text="go"),
    ):
        line = plain(footer(state, 3, 80, PLAIN, frozen=True))
        assert "t thaw  x kill" in line
