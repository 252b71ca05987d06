"""Which options make a policy, and which only change one."""

from typing import Any

import pytest

from ebpftrace.act.policy.options import PolicyOptions

MAKE = {"growth", "level", "fuse", "on_breach"}


def test_nothing_was_given() -> None:
    assert not PolicyOptions().given
    assert not PolicyOptions().make_a_policy


@pytest.mark.parametrize("name", PolicyOptions._fields)
def test_each_option_is_given_and_some_make_a_policy(name: str) -> None:
    given: dict[str, Any] = {name: True if name == "no_backstop" else ""}
    options = PolicyOptions(**given)
    assert options.given
    assert options.make_a_policy == (name in MAKE)
