"""The schema for editors accepts what the parser accepts, and says no as it does."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.policy.file import PolicyFileError, parse_policies
from ebpftrace.act.policy.schema import schema
from tests.support.actions import fake_action


@dataclass(frozen=True, slots=True)
class Capture:
    pass


@dataclass(frozen=True, slots=True)
class Run:
    program: Annotated[Path, "what is run"]
    args: Annotated[tuple[str, ...], "its arguments"] = ()
    output_bytes: Annotated[int, "bytes", "how much is kept"] = 0
    wait_ns: Annotated[int, "duration", "rest before"] = 0
    send: Annotated[Literal["TERM", "KILL"] | None, "a signal"] = None
    variables: Annotated[dict[str, str] | None, "given to it"] = None


ACTIONS = {
    "capture": fake_action("capture", Capture),
    "run": fake_action("run", Run),
}
VALID = fastjsonschema.compile(json.loads(json.dumps(schema(ACTIONS))))

WHOLE = """\
[[policy]]
name = "leaks"
mode = "all"
for = "5s"
dry_run = true
match = { comm = "gopls", job_kind = ["github"] }
budget = { restarts = 2, window = "5m" }
when = [
  { detector = "growth", bound = "256MiB", window = "60s", of = "process" },
  { detector = "level", bound = "85%" },
  { detector = "level", bound = 1048576 },
  { detector = "climb", bound = "1MiB/s", window = "30s" },
  { detector = "builtin", least = "critical" },
  { detector = "oom" },
]
then = [
  { action = "capture", timeout = "30s" },
  { action = "run", program = "/bin/true", args = ["a"], output = "1MiB", wait = "1s" },
  { action = "run", program = "/bin/true", send = "TERM", variables = { A = "1" } },
]
"""


def test_what_the_parser_accepts_is_valid() -> None:
    assert parse_policies(WHOLE.encode(), "p", ACTIONS)
    VALID(tomllib.loads(WHOLE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "leaks"', ""), ('"all"', '"both"'), ('"5s"', "5"), ("true", '"yes"'),
        ('"gopls"', "7"), ("restarts = 2", "restarts = -1"), ("for =", "fro ="),
        ("comm =", "com ="), ('"256MiB"', '"256Mb"'), (', window = "60s"', ""),
        ('"process"', '"pod"'), ('"85%"', '"85"'), ('"1MiB/s"', '"1MiB"'),
        ('"critical"', '"dire"'), ('"oom"', '"omm"'), ('"run", program', '"fly", program'),
        ('program = "/bin/true", args', "args"), ('"/bin/true", args', '"true", args'),
        ('"TERM"', '"HUP"'), ('A = "1"', "A = 1"), ("then", "thn"),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_is_not(old: str, new: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new, 1)
    with pytest.raises(PolicyFileError):
        parse_policies(text.encode(), "p", ACTIONS)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        VALID(tomllib.loads(text))


LETTERS = "01 %.msMiB"


@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 3), st.text(LETTERS, max_size=2)),
        min_size=1,
        max_size=2,
    )
)  # fmt: skip
def test_an_editor_never_complains_of_what_the_parser_takes(
    edits: list[tuple[int, int, str]],
) -> None:
    text = WHOLE
    for at, cut, new in edits:
        text = text[:at] + new + text[at + cut :]
    try:
        parse_policies(text.encode(), "p", ACTIONS)
    except PolicyFileError:
        return
    VALID(tomllib.loads(text))
