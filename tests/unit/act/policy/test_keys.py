"""The keys of a policy file agree with what they stand for."""

from dataclasses import fields

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy.conditions import condition_keys
from ebpftrace.act.policy.keys import (
    BUDGET,
    MATCH,
    POLICY,
    STEP,
)
from ebpftrace.act.policy.policy import Budget, Match, Policy
from ebpftrace.act.policy.toml.tables import Key, keys_of
from ebpftrace.judge.detectors import CONDITION_KINDS


def names(keys: tuple[Key, ...]) -> set[str]:
    return {key.field for key in keys}


def test_every_field_of_a_policy_has_its_key() -> None:
    assert names(MATCH) == {one.name for one in fields(Match)}
    assert names(BUDGET) == {one.name for one in fields(Budget)}
    assert names(POLICY) - {"capture", "backstop"} == {one.name for one in fields(Policy)} - {
        "match", "when", "ladder", "budget", "fuse",
    }  # fmt: skip


def test_every_key_is_documented() -> None:
    tables = [POLICY, MATCH, BUDGET, STEP, *map(condition_keys, CONDITION_KINDS.values())]
    tables += [keys_of(kind.options) for kind in ACTIONS.values()]
    assert not [key.name for table in tables for key in table if not key.doc]


def test_no_action_has_an_option_that_a_rung_has_already() -> None:
    taken = {"action", *(key.name for key in STEP)}
    for kind in ACTIONS.values():
        keys = [key.name for key in keys_of(kind.options)]
        assert not taken & set(keys)
        assert len(keys) == len(set(keys))
