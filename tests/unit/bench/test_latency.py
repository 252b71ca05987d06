"""A few real breaches under each condition; how long they take decides nothing."""

from dataclasses import replace

import pytest

from bench.latency import measure
from bench.scale import QUICK


@pytest.mark.kernel
def test_every_breach_starts_its_hook_and_none_early() -> None:
    tables = list(measure(replace(QUICK, breaches=2, slow_breaches=1)))
    assert len(tables) == 2
    for table in tables:
        assert [len(row.samples) for row in table.rows] == [2, 2, 2, 2, 1]
        # The guards see page tables and the like as well, and so may see a bound early.
        watch, with_evidence, bare, *_guards = table.rows
        assert min(watch.samples) > 0
        assert min(with_evidence.samples) > 0
        assert min(bare.samples) > 0
