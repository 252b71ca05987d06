"""The schema for editors accepts what the parser accepts, and says no as it does."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import fastjsonschema
import pytest
from hypothesis import HealthCheck, given, reject, settings
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
    "capture": fake_action("capture", Capture, informational=True, saves_evidence=True),
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


def assert_valid(text: str) -> None:
    """The schema accepts this policy file; JsonSchemaException if it does not."""
    VALID(tomllib.loads(text))


def test_what_the_parser_accepts_is_valid() -> None:
    assert parse_policies(WHOLE.encode(), "p", ACTIONS)
    assert_valid(WHOLE)


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
def test_what_the_parser_rejects_is_invalid(old: str, new: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new, 1)
    with pytest.raises(PolicyFileError):
        parse_policies(text.encode(), "p", ACTIONS)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        VALID(tomllib.loads(text))


NUMBERS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True)
SPACES = st.sampled_from(["", " ", "  ", "\\t"])
UNITS = ["", "B", "KiB", "MiB", "GiB", "kB", "MB", "%", "s", "ms", "m", "h", "MiB/s", "KiB/s"]
VALUES = [
    '"5s"', '"5m"', '"256MiB"', '"60s"', '"85%"', '"1MiB/s"', '"30s"', '"1MiB", wait', '"1s"',
    "1048576", "restarts = 2",
]  # fmt: skip


@given(st.sampled_from(VALUES), SPACES, NUMBERS, SPACES, st.sampled_from(UNITS), SPACES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
def test_an_editor_accepts_whatever_the_parser_accepts(
    old: str, before: str, number: str, between: str, unit: str, after: str
) -> None:
    """Any way to write a size, a share, a duration or a rate, in any place for one."""
    value = old.partition('"')[2].partition('"')[0]
    if value:
        new = old.replace(value, before + number + between + unit + after)
    else:
        new = re.sub("[0-9]+", number, old)
    text = WHOLE.replace(old, new, 1)
    try:
        parse_policies(text.encode(), "p", ACTIONS)
    except PolicyFileError:
        reject()  # if nearly all were, Hypothesis would fail the test
    assert_valid(text)
