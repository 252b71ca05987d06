"""The results of a bench: tables of rows, each row the samples of one condition."""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One condition: a sample for each round, or a remark saying why there is none.

    `score` is how often it succeeded, for benches that count that: "98/100".
    """

    label: str
    samples: tuple[float, ...] = ()
    remark: str = ""
    score: str = ""

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def p99(self) -> float:
        """The smallest sample that at most one in a hundred is above (nearest rank)."""
        return sorted(self.samples)[math.ceil(0.99 * len(self.samples)) - 1]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows measured side by side, interleaved: round by round, one row after the other.

    `against` is the label of the row that the others' ratios are to; "" for no ratios.
    `tail`: the samples are single events, not rounds. Their number may differ from row to
    row, and the slow ones are what counts. `score`: the heading of the rows' scores, which
    are then shown in place of ratios.
    """

    bench: str
    title: str
    unit: str
    rows: tuple[Row, ...]
    against: str = ""
    tail: bool = False
    score: str = ""
    footnotes: tuple[str, ...] = field(default=())

    def ratio(self, row: Row) -> float | None:
        """The median over the rounds of this row's sample to the baseline's of that round.

        Round by round, so that what changes on the machine during a run cancels out; of
        single events, the ratio of the medians. None for the baseline itself, and where
        there is nothing to divide.
        """
        base = next((one for one in self.rows if one.label == self.against), None)
        if base is None or row is base or not row.samples or not base.samples:
            return None
        if not all(base.samples):
            return None
        if self.tail:
            return row.median / base.median
        pairs = zip(row.samples, base.samples, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def record(self) -> dict[str, Any]:
        """The table for JSON, samples included."""
        return {
            "bench": self.bench,
            "title": self.title,
            "unit": self.unit,
            "against": self.against or None,
            "rows": [self._row_record(row) for row in self.rows],
            "footnotes": list(self.footnotes),
        }

    def _row_record(self, row: Row) -> dict[str, Any]:
        record: dict[str, Any] = {"label": row.label, "samples": list(row.samples)}
        if row.samples:
            record |= {
                "median": row.median,
                "min": min(row.samples),
                "max": max(row.samples),
                "ratio": self.ratio(row),
            }
            if self.tail:
                record["p99"] = row.p99
        if row.score:
            record["score"] = row.score
        if row.remark:
            record["remark"] = row.remark
        return record
