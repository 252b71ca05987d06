"""docs/policy.md and docs/fuse.md: examples are policies, and every key is there."""

import re
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy.conditions import condition_keys
from ebpftrace.act.policy.file import parse_policies
from ebpftrace.act.policy.keys import BUDGET, FUSE, JOB_KINDS, MATCH, POLICY, STEP
from ebpftrace.act.policy.toml.tables import Key, keys_of
from ebpftrace.judge.detectors import CONDITION_KINDS
from tests.support.policy_docs import documented_options

FOLDER = Path(__file__).parents[4] / "docs"
DOCS = (FOLDER / "policy.md").read_text()
ABOUT_FUSES = (FOLDER / "fuse.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", DOCS + ABOUT_FUSES, re.DOTALL | re.MULTILINE)
ROWS = set(re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_policies(example: str) -> None:
    policies = parse_policies(example.encode(), "docs/policy.md")
    assert policies or example.startswith(("[watch]", "[serve]"))


def names(keys: tuple[Key, ...]) -> set[str]:
    return {key.name for key in keys}


def test_every_key_has_its_row() -> None:
    assert EXAMPLES
    assert names((*POLICY, *MATCH, *BUDGET, *STEP)) <= ROWS
    for detector, kind in CONDITION_KINDS.items():
        row = re.search(rf"^\| `{detector}` \| (.*?) \|", DOCS, re.MULTILINE)
        assert row
        assert set(re.findall(r"`(\w+)`", row[1])) == names(condition_keys(kind))
    assert f"identified as: {', '.join(JOB_KINDS)} |" in DOCS


def test_a_fuse_is_there_with_all_its_keys_and_what_they_may_be() -> None:
    assert "fuse" in ROWS
    table = ABOUT_FUSES.partition("| key of `fuse` |")[2].partition("\n\n")[0]
    rows = {row.split("`")[1]: row for row in table.splitlines()[2:]}
    assert rows.keys() == names(FUSE)
    for key in FUSE:
        for value in key.kind.schema.get("enum", ()):
            assert f'`"{value}"`' in rows[key.name]


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_its_section_with_its_keys(action: str) -> None:
    assert documented_options(DOCS, action) == names(keys_of(ACTIONS[action].options))
