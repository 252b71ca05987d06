"""A recording is read as it was written, and is small."""

import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from bench.judgement.ci.recording import load, load_all, name_of, path_of, save, thinned
from tests.support.ci_recordings import ci_recording

MANY = ci_recording([n % 90 for n in range(1000)])


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    leak = ci_recording([1, 50, 20, 99], leaky=True, share=2.0, run=3, held_out=True)
    for one in (MANY, leak):
        path = save(one, tmp_path)
        assert path == path_of(one.name, tmp_path)
        assert load(path) == one
    assert [one.name for one in load_all(tmp_path)] == ["made-1.25-1", "made-leak-2-3"]


def test_the_name_tells_job_leak_limit_and_run() -> None:
    assert name_of("cargo-build", False, 1.25, 2) == "cargo-build-1.25-2"
    assert name_of("cargo-build", True, 2.0, 1) == "cargo-build-leak-2-1"


def test_an_empty_recording_is_one_too(tmp_path: Path) -> None:
    empty = replace(MANY, rows=())
    assert load(save(empty, tmp_path)) == empty


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json.xz"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(lzma.LZMAError):
        load(path)


def test_the_others_rules_read_it_as_a_trace() -> None:
    trace = ci_recording([1, 99], leaky=True).trace
    assert (trace.label, trace.onset_s, len(trace.rows)) == ("leak", 0.0, 2)
    assert MANY.trace.label == "healthy"


def test_a_long_recording_is_thinned_and_keeps_its_end() -> None:
    rows = thinned(MANY.rows, most=240)
    assert 200 <= len(rows) <= 241
    assert rows[0] == MANY.rows[0]
    assert rows[-1] == MANY.rows[-1]
    assert thinned(MANY.rows[:50]) == MANY.rows[:50]
    assert thinned(()) == ()
