"""The README's section: what is between the markers changes, and nothing else."""

import pytest

from bench.readme import BEGIN, END, README, with_section


def test_only_what_is_between_the_markers_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_section(text, "figures\n")
    assert once == f"before\n{BEGIN}\n```text\nfigures\n```\n{END}\nafter\n"
    assert with_section(once, "figures\n") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_readme_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="README"):
        with_section(text, "figures")


def test_the_readme_has_the_markers() -> None:
    assert "figures" in with_section(README.read_text(), "figures")
