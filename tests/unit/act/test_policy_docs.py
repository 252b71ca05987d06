"""docs/policy.md: its examples are policies, and it has every key."""

import re
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy_file import parse_policies
from ebpftrace.act.policy_keys import BUDGET, CONDITIONS, JOB_KINDS, MATCH, POLICY, STEP
from ebpftrace.act.tables import Key, keys_of

DOCS = (Path(__file__).parents[3] / "docs/policy.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", DOCS, re.DOTALL | re.MULTILINE)
ROWS = set(re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_policies(example: str) -> None:
    assert parse_policies(example.encode(), "docs/policy.md")


def names(keys: tuple[Key, ...]) -> set[str]:
    return {key.name for key in keys}


def test_every_key_has_its_row() -> None:
    assert EXAMPLES
    assert names((*POLICY, *MATCH, *BUDGET, *STEP)) <= ROWS
    for detector, keys in CONDITIONS.items():
        row = re.search(rf"^\| `{detector}` \| (.*?) \|", DOCS, re.MULTILINE)
        assert row
        assert set(re.findall(r"`(\w+)`", row[1])) == names(keys)
    assert f"identified as: {', '.join(JOB_KINDS)} |" in DOCS


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_its_section_with_its_keys(action: str) -> None:
    section = re.search(rf"^### `{action}`\n(.*?)(?=^##|\Z)", DOCS, re.DOTALL | re.MULTILINE)
    assert section, f"docs/policy.md has no section ### `{action}`"
    rows = set(re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE))
    assert rows == names(keys_of(ACTIONS[action].options))
