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
    told = re.search(r"last of all:\n(.*?)\.", DOCS.read_text(), re.DOTALL)
    assert told is not None
    assert told[1].replace("\n", " ").split(", ") == list(columns.NAMES)
    assert tuple(chosen(300)) == columns.NAMES
