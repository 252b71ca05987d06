"""tests/vm/selection.py: a test that was renamed does not fall out of it unnoticed."""

import pytest

from tests.vm.paths import ROOT
from tests.vm.selection import ALL, QUICK


@pytest.mark.parametrize("path", ALL)
def test_what_is_selected_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_what_is_quick_is_a_part_of_all() -> None:
    for path in QUICK:
        assert path in ALL or path.startswith("tests/kernel/")
