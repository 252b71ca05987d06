import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ebpftrace.views.cells import cells, cut


def test_wide_characters_take_two_columns_and_combining_marks_none() -> None:
    assert cells("gopls") == 5
    assert cells("日本") == 4
    assert cells("🚀") == 2
    assert cells("e\N{COMBINING ACUTE ACCENT}") == 1


def test_a_cut_text_ends_in_an_ellipsis() -> None:
    assert cut("gopls", 5) == "gopls"
    assert cut("gopls", 4) == "gop…"
    assert cut("gopls", 1) == "…"
    assert cut("gopls", 0) == ""


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert cut("日本語", 4) == "日…"
    assert cut("日本語", 5) == "日本…"


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_always_fits(text: str, width: int) -> None:
    assert cells(cut(text, width)) <= width


@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)))
def test_rich_counts_the_same_columns(text: str) -> None:
    assert cells(text) == cell_len(text)


def test_rich_counts_the_same_columns_in_east_asian_scripts() -> None:
    text = "ジョブ名 构建 빌드 ﾊﾝｶｸ Ｆｕｌｌ"
    assert unicodedata.is_normalized("NFC", text)
    assert cells(text) == cell_len(text)
