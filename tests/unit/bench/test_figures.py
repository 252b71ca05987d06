"""Samples, their middle, and ratios taken round by round."""

import pytest

from bench.figures import Row, Table


def test_ratio_is_taken_per_round() -> None:
    base = Row("without", (100.0, 200.0, 400.0))
    watched = Row("with", (110.0, 220.0, 440.0))
    table = Table("touch", "a page", "ns", (base, watched), against="without")
    assert table.ratio(watched) == 1.1
    assert table.ratio(base) is None


@pytest.mark.parametrize("against", ["not installed", "idle", "", "unheard of"])
def test_ratio_to_zero_is_none(against: str) -> None:
    some = Row("some", (1.0,))
    rows = (Row("not installed", remark="why"), Row("idle", (0.0,)), some)
    assert Table("idle", "", "ms/s", rows, against=against).ratio(some) is None


def test_record_has_every_sample_and_its_summary() -> None:
    rows = (Row("a", (2.0, 1.0, 3.0)), Row("b", (4.0, 2.0, 6.0)), Row("c", remark="gone"))
    record = Table("rss", "memory", "MiB", rows, against="a").record()
    assert record["rows"][0] == {
        "label": "a",
        "samples": [2.0, 1.0, 3.0],
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "ratio": None,
    }
    assert record["rows"][1]["ratio"] == 2.0
    assert record["rows"][2] == {"label": "c", "samples": [], "remark": "gone"}


def test_score_is_recorded() -> None:
    record = Table("race", "", "MiB", (Row("a", (1.0,), score="1/2"),), score="saved").record()
    assert record["rows"][0]["score"] == "1/2"


def test_ratio_of_single_events_is_of_medians() -> None:
    quick = Row("quick", tuple(float(one) for one in range(1, 201)))
    slow = Row("slow", (1005.0,))
    table = Table("latency", "", "ms", (quick, slow), against="quick", tail=True)
    assert table.ratio(slow) == 10.0
    assert quick.p99 == 198.0  # two of 200 are above
    assert slow.p99 == 1005.0
    assert [row["p99"] for row in table.record()["rows"]] == [198.0, 1005.0]
    assert "p99" not in Table("rss", "", "MiB", (quick,)).record()["rows"][0]
