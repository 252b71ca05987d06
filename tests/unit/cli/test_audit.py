"""`ebpftrace audit`: prints any file, well-formed or not."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.cli.audit import audit, gather, incident_lines
from ebpftrace.errors import GoneError

TIME = {"unix_ns": 1_795_435_207_250_000_000, "boottime_ns": 1, "boot": "b"}
JOB = {"name": "build-42", "kind": "github"}
INCIDENT = "20261123T120007Z-4711-abcdef"


def line(kind: str, **fields: Any) -> dict[str, Any]:
    return {"incident": INCIDENT, "type": kind, **TIME, **fields}


WHOLE = [
    line("incident", facts={"policy": "leaks", "sentence": "gopls 4711 gained 312 MiB " * 5}),
    line("step_started", action="signal", spends_budget=True),
    line("step", action="signal", status="timed_out", detail="stopped after 20s",
         took_ns=2 * 10**10),
    line("outcome", helped=False, sentence="GIVEN UP: nothing helped"),
    line("suppressed", policy="leaks", job=JOB, sentence="it grew", reason="in its cool-down")
    | {"incident": ""},
    line("fuse", policy="bursts", job=JOB, event="thawed", sentence="gopls 4711 was resumed")
    | {"incident": ""},
]  # fmt: skip


def shown(folder: Path, *records: object, options: tuple[str, ...] = ()) -> Result:
    file = folder / "audit.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records) + '{"torn')
    return CliRunner().invoke(audit, [str(file), *options])


def test_an_entry_has_the_breach_the_steps_and_the_outcome(tmp_path: Path) -> None:
    result = shown(tmp_path, *WHOLE)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == f"2026-11-23T12:00:07Z  {INCIDENT}, policy leaks"
    assert "    signal: timed out in 20s: stopped after 20s" in lines
    assert "    NOT helped: GIVEN UP: nothing helped" in lines
    assert "2026-11-23T12:00:07Z  policy leaks suppressed: in its cool-down" in lines
    at = lines.index("2026-11-23T12:00:07Z  fuse of bursts: thawed in build-42")
    assert lines[at + 1] == "    gopls 4711 was resumed"
    assert "3 entries, 1 torn line skipped:" in result.output
    assert max(map(len, lines)) <= 80


def test_last_shows_only_the_last_entries(tmp_path: Path) -> None:
    result = shown(tmp_path, *WHOLE, options=("--last", "1"))
    assert INCIDENT not in result.output
    assert "the last 1 of 3 entries" in result.output


def test_without_a_log_the_error_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(audit, [str(tmp_path / "none")])
    assert isinstance(result.exception, GoneError)
    assert "--audit" in result.exception.fix


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["incident", "type", "facts", "job", "unix_ns", "status", "detail", "took_ns"]
)
TYPES = st.sampled_from(["incident", "step", "outcome", "abandoned", "suppressed", "fuse", "x"])


@given(st.lists(st.dictionaries(FIELDS, JSON | TYPES, max_size=7), max_size=4))
def test_no_record_breaks_the_output(records: list[dict[str, Any]]) -> None:
    for incident in gather(records):
        for text in incident_lines(incident):
            assert len(text) <= 80
            assert text.isprintable()
