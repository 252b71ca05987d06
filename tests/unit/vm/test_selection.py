"""tests/vm/selection.py: a test that was renamed does not fall out of it unnoticed."""

import pytest

from tests.vm.paths import ROOT
from tests.vm.selection import ALL, LEFT_OUT, QUICK

TAKEN = tuple(path for path in ALL if not path.startswith("--ignore="))


@pytest.mark.parametrize("path", [*QUICK, *LEFT_OUT, *TAKEN])
def test_selected_and_excluded_paths_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_quick_selection_is_part_of_all() -> None:
    for path in QUICK:
        assert path not in LEFT_OUT
        assert path.startswith(TAKEN)
