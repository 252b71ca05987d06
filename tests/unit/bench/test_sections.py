"""What a run writes: only what stands between the markers changes."""

import pytest

from bench.sections import (
    COSTS,
    LATENCY,
    PAGE,
    RACE,
    README,
    STORMS,
    SUMMARY,
    with_section,
    with_summary,
)

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def test_only_the_text_between_the_markers_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_section(text, COSTS, "figures\n")
    assert once == f"before\n{BEGIN}\n```text\nfigures\n```\n{END}\nafter\n"
    assert with_section(once, COSTS, "figures\n") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="there is no"):
        with_section(text, COSTS, "figures")


@pytest.mark.parametrize("section", [COSTS, LATENCY, RACE, STORMS])
def test_the_page_has_the_markers(section: str) -> None:
    assert "figures" in with_section(PAGE.read_text(), section, "figures")


def test_one_section_leaves_the_others_alone() -> None:
    text = with_section(PAGE.read_text(), COSTS, "costs\n")
    assert "\ncosts\n" in with_section(text, LATENCY, "delays\n")


def test_the_summary_in_the_readme_quotes_the_page() -> None:
    readme = README.read_text()
    assert f"<!-- {SUMMARY}: begin -->" in readme
    assert with_summary(readme, PAGE.read_text()) == readme


def test_a_summary_of_a_page_without_the_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        with_summary(README.read_text(), "nothing was measured")
