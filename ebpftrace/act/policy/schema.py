"""The JSON schema of a policy file, for editors, from the tables the parser reads by.

Source: json-schema.org, draft-07, which is what TOML language servers speak.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.policy.conditions import condition_keys
from ebpftrace.act.policy.keys import (
    BUDGET,
    FUSE,
    LEVEL,
    MATCH,
    POLICY,
    STEP,
)
from ebpftrace.act.policy.toml.tables import Key, keys_of
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detectors import CONDITION_KINDS

Schema = dict[str, Any]


def schema(
    actions: Mapping[str, Action[Any]] = ACTIONS,
    detectors: Mapping[str, ConditionKind[Any]] = CONDITION_KINDS,
    options: Mapping[str, Schema] | None = None,
) -> Schema:
    """The whole schema, ready for json.dumps. `options` are tables of commands' options."""
    options = options or {}
    policy = _table(
        POLICY,
        {
            "match": _table(MATCH)
            | {"description": "which processes it is for; every key must match"},
            "budget": _table(BUDGET) | {"description": "how many processes it may end"},
            "fuse": {
                "oneOf": [dict(LEVEL.schema), _table(FUSE)],
                "description": "where the kernel stops a growing process, before anything else",
            },
            "when": _list([_condition(kind) for kind in detectors.values()]),
            "then": _list([_step(kind) for kind in actions.values()]),
        },
    )
    policy["anyOf"] = [{"required": ["fuse"]}, {"required": ["when", "then"]}]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policies of ebpftrace",
        **_table((), {"policy": _list([policy]), **options}),
        "anyOf": [{"required": [name]} for name in ("policy", *options)],
    }


def _condition(kind: ConditionKind[Any]) -> Schema:
    tag = {"const": kind.name, "description": kind.doc}
    return _table(condition_keys(kind), {"detector": tag}, required=("detector",))


def _step(kind: Action[Any]) -> Schema:
    tag = {"const": kind.name, "description": kind.doc}
    keys = (*STEP, *keys_of(kind.options))
    return _table(keys, {"action": tag}, required=("action",))


def _table(
    keys: Sequence[Key], more: Mapping[str, Schema] | None = None, required: Sequence[str] = ()
) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **(more or {}),
            **{key.name: {**key.kind.schema, "description": key.doc} for key in keys},
        },
        "required": [*required, *(key.name for key in keys if key.required)],
    }


def _list(of: Sequence[Schema]) -> Schema:
    items = of[0] if len(of) == 1 else {"oneOf": list(of)}
    return {"type": "array", "minItems": 1, "items": items}
