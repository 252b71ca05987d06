"""The README's section: what is between the markers changes, and nothing else."""

import pytest

from bench.readme import COSTS, LATENCY, RACE, README, with_section

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def test_only_what_is_between_the_markers_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_section(text, COSTS, "figures\n")
    assert once == f"before\n{BEGIN}\n```text\nfigures\n```\n{END}\nafter\n"
    assert with_section(once, COSTS, "figures\n") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_readme_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="README"):
        with_section(text, COSTS, "figures")


@pytest.mark.parametrize("section", [COSTS, LATENCY, RACE])
def test_the_readme_has_the_markers(section: str) -> None:
    assert "figures" in with_section(README.read_text(), section, "figures")


def test_one_section_leaves_the_other_alone() -> None:
    text = with_section(README.read_text(), COSTS, "costs\n")
    assert "\ncosts\n" in with_section(text, LATENCY, "delays\n")
