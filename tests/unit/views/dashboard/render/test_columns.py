import re
from pathlib import Path

import pytest

from ebpftrace.views.dashboard.render import columns

DOCS = Path(__file__).parents[5] / "docs" / "dashboard.md"


def chosen(width: int) -> list[str]:
    return [column.name for column in columns.choose(width, width // 4, "5m")]


@pytest.mark.parametrize(
    ("width", "last"), [(24, "size"), (40, "time to limit"), (72, "growth"), (80, "trend")]
)
def test_a_narrower_list_loses_columns_from_the_right(width: int, last: str) -> None:
    names = chosen(width)
    assert names == list(columns.NAMES[: len(names)])
    assert names[-1] == last


def test_the_order_is_the_documented_one() -> None:
    listed = re.search(r"from the end of this order: (.*?)\.", DOCS.read_text(), re.DOTALL)
    assert listed is not None
    assert listed[1].replace("\n", " ").split(", ") == list(columns.NAMES)
    assert tuple(chosen(300)) == columns.NAMES
