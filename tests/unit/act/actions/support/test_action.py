"""The properties of an action."""

from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action

NAMES = [field.name for field in fields(Action)]


@pytest.mark.parametrize("left_out", NAMES)
def test_action_without_one_of_its_properties_cannot_be_made(left_out: str) -> None:
    capture = ACTIONS["capture"]
    stated: dict[str, Any] = {name: getattr(capture, name) for name in NAMES}
    del stated[left_out]
    with pytest.raises(TypeError, match=left_out):
        Action(**stated)


def test_no_property_has_a_default() -> None:
    for field in fields(Action):
        assert field.default is MISSING
        assert field.default_factory is MISSING


@pytest.mark.parametrize("changes", [{"temporary": True}, {"spends_budget": True}])
def test_informational_action_changes_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="informational"):
        replace(ACTIONS["capture"], **changes)


def test_action_that_saves_evidence_changes_nothing() -> None:
    with pytest.raises(ValueError, match="saves evidence"):
        replace(ACTIONS["signal"], saves_evidence=True)


def with_property(name: str) -> set[str]:
    return {action.name for action in ACTIONS.values() if getattr(action, name)}


def test_properties_of_the_actions() -> None:
    assert with_property("concurrent") == {"annotate", "notify"}
    assert with_property("after_outcome") == {"clean"}
    assert with_property("informational") == {"annotate", "capture", "notify"}
    assert with_property("temporary") == {"freeze", "thaw", "throttle"}
    assert with_property("saves_evidence") == {"capture"}
    assert with_property("spends_budget") == {"exec", "pod", "shell", "signal", "systemd"}
