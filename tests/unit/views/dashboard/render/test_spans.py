from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.views.dashboard.render.spans import ends, fit, pad, plain, text, width_of

LINES = st.lists(st.builds(text, st.text("ab表 🚀", max_size=8)), max_size=5)


@given(LINES, st.integers(0, 30))
def test_fit_and_pad_keep_to_the_width(line: list, width: int) -> None:  # type: ignore[type-arg]
    assert width_of(fit(line, width)) <= width
    assert width_of(pad(line, width)) == width
    if width_of(line) <= width:
        assert plain(fit(line, width)) == plain(line)


def test_what_was_cut_ends_in_an_ellipsis() -> None:
    assert plain(fit([text("abc"), text("def")], 5)) == "abcd…"
    assert plain(fit([text("abc"), text("def")], 3)) == "ab…"


def test_the_right_end_gives_way() -> None:
    assert plain(ends([text("left")], [text("right")], 12)) == "left   right"
    assert plain(ends([text("left")], [text("right")], 10)) == "left"
