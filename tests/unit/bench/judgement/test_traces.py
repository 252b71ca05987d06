"""Our judgement on the kept recordings of real programs: what the README says is so."""

from functools import cache
from pathlib import Path

import pytest

from bench.judgement.report import table_text
from bench.judgement.rivals import RIVALS
from bench.judgement.score import IN_TIME, builtin, forecast, outcome, score
from bench.judgement.trace import TRACES, Trace, load, load_all, save, snapshots
from ebpftrace.judge.detectors.exhaustion import ExhaustionDetector
from ebpftrace.judge.finding import Severity
from ebpftrace.judge.judge import Judge

NAMES = sorted(path.stem for path in TRACES.glob("*.csv"))


@cache
def trace(name: str) -> Trace:
    return load(TRACES / f"{name}.csv")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("leak-")])
def test_the_end_of_every_leak_is_forecast_in_time(name: str) -> None:
    found = outcome(forecast, trace(name))
    assert found.called_s is not None
    assert found.called_s >= found.trace.onset_s
    assert found.way is not None
    assert found.way <= IN_TIME


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("leak-")])
def test_every_leak_that_takes_the_limit_is_called_before_it_is_reached(name: str) -> None:
    found = outcome(builtin, trace(name))
    taken = max(row.fixed_kib for row in found.trace.rows) / found.trace.limit_kib
    if taken < ExhaustionDetector().bound_share:
        assert found.called_s is None
    else:
        assert found.way is not None
        assert found.way < 1


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("leak-")])
def test_nothing_healthy_is_more_than_a_notice(name: str) -> None:
    assert trace(name).label == "healthy"
    judge = Judge()
    said = [one for snapshot in snapshots(trace(name)) for one in judge.judge(snapshot)]
    assert [one.sentence for one in said if one.severity > Severity.NOTICE] == []


def test_there_are_enough_of_both_and_they_are_small() -> None:
    labels = [trace(name).label for name in NAMES]
    assert labels.count("leak") >= 15
    assert labels.count("healthy") >= 15
    assert all(path.stat().st_size <= 20_480 for path in TRACES.glob("*.csv"))


def test_no_other_rule_is_as_good_as_the_forecast() -> None:
    traces = load_all()
    ours = score("ours", forecast, traces)
    for name, rule in RIVALS.items():
        theirs = score(name, rule, traces)
        assert (theirs.in_time, -theirs.false_alarms) < (ours.in_time, -ours.false_alarms)
        assert theirs.in_time + theirs.late + theirs.missed <= len(ours.leaks)


def test_the_table_has_a_line_a_rule() -> None:
    lines = table_text(load_all()).splitlines()
    assert len(lines) == 2 + 2 + len(RIVALS)
    assert all(len(line) <= 80 for line in lines)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = trace(NAMES[0])
    assert load(save(one, tmp_path)) == one


def test_the_documented_table_is_the_present_one() -> None:
    page = (TRACES.parents[1] / "docs" / "judgement.md").read_text()
    assert table_text(load_all()) in page
