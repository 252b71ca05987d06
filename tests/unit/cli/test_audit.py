"""`ebpftrace audit`: incidents for people, whatever is in the file."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.cli.audit import audit, gather, incident_lines
from ebpftrace.errors import GoneError

TIME = {"unix_ns": 1_795_435_207_250_000_000, "boottime_ns": 1, "boot": "b"}
INCIDENT = "20261123T120007Z-4711-abcdef"


def line(kind: str, **fields: Any) -> dict[str, Any]:
    return {"incident": INCIDENT, "type": kind, **TIME, **fields}


WHOLE = [
    line("incident", facts={"policy": "leaks", "sentence": "gopls 4711 gained 312 MiB " * 5}),
    line("step_begun", action="signal", spends=True),
    line("step", action="signal", status="timed_out", detail="stopped after 20s",
         took_ns=2 * 10**10),
    line("outcome", helped=False, sentence="GIVEN UP: nothing helped"),
    line("held_back", policy="leaks", job="build-42", sentence="it grew", why="it rests")
    | {"incident": ""},
    line("fuse", policy="bursts", job="build-42", word="thawed", sentence="gopls 4711 goes on")
    | {"incident": ""},
]  # fmt: skip


def shown(folder: Path, *records: object, options: tuple[str, ...] = ()) -> Result:
    file = folder / "audit.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records) + '{"torn')
    return CliRunner().invoke(audit, [str(file), *options])


def test_breach_steps_and_outcome(tmp_path: Path) -> None:
    result = shown(tmp_path, *WHOLE)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == f"2026-11-23T12:00:07Z  {INCIDENT}, policy leaks"
    assert "    signal: timed out in 20s: stopped after 20s" in lines
    assert "    NOT helped: GIVEN UP: nothing helped" in lines
    assert "2026-11-23T12:00:07Z  held back by leaks: it rests" in lines
    at = lines.index("2026-11-23T12:00:07Z  fuse of bursts: thawed in build-42")
    assert lines[at + 1] == "    gopls 4711 goes on"
    assert "3 entries, 1 torn line passed over:" in result.output
    assert max(map(len, lines)) <= 80


def test_only_the_last(tmp_path: Path) -> None:
    result = shown(tmp_path, *WHOLE, options=("--last", "1"))
    assert INCIDENT not in result.output
    assert "the last 1 of 3 entries" in result.output


def test_where_there_is_no_log_it_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(audit, [str(tmp_path / "none")])
    assert isinstance(result.exception, GoneError)
    assert "--audit" in result.exception.fix


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["incident", "type", "facts", "unix_ns", "status", "detail", "took_ns"]
)
TYPES = st.sampled_from(["incident", "step", "outcome", "abandoned", "held_back", "fuse", "x"])


@given(st.lists(st.dictionaries(FIELDS, JSON | TYPES, max_size=7), max_size=4))
def test_nothing_in_the_file_breaks_it(records: list[dict[str, Any]]) -> None:
    for incident in gather(records):
        for told in incident_lines(incident):
            assert len(told) <= 80
            assert told.isprintable()
