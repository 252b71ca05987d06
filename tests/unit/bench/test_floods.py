"""A real flood beside real breaches; how long anything takes decides nothing."""

import pytest

from bench import floods
from bench.scale import Scale

NAMES = ("no flood", "a process renames itself")


@pytest.mark.kernel
def test_every_promise_has_a_sample_under_each_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "_FLOODS", {name: floods._FLOODS[name] for name in NAMES})
    tables = list(floods.measure(Scale(flood_rounds=1, flood_breaches=4)))
    gaps, hooks, peaks, ends = tables
    for table in tables:
        assert [row.label for row in table.rows] == list(NAMES)
        assert all(min(row.samples) > 0 for row in table.rows)
    assert gaps.tail
    assert [len(row.samples) for row in hooks.rows] == [4, 4]
    assert [len(row.samples) for row in (*peaks.rows, *ends.rows)] == [1] * 4
