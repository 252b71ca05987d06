"""tests/vm/selection.py: a test that was renamed does not fall out of it unnoticed."""

import pytest

from tests.vm.paths import ROOT
from tests.vm.selection import ALL, LEFT_OUT, QUICK


@pytest.mark.parametrize("path", [*QUICK, *LEFT_OUT, *ALL[:3]])
def test_what_is_selected_or_left_out_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_what_is_quick_is_a_part_of_all() -> None:
    for path in QUICK:
        assert path not in LEFT_OUT
        assert path.startswith(ALL[:3])
