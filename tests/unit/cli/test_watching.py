"""The options that several commands share, as what they ask the engine for."""

from pathlib import Path
from typing import Any

import pytest

from ebpftrace.cli.watching import SharedOptions
from ebpftrace.errors import UsageError

DEFAULTS: dict[str, Any] = {
    "comms": (), "pids": (), "cgroups": (), "exes": (), "go_mains": (), "children": False,
    "mapping_calls": False, "delays": False, "interval": 10**9, "growth": None,
    "level": None, "fuse": None, "on_breach": None, "backstop": None, "no_backstop": False,
    "grace": None, "config": None, "no_config": True, "audit": Path("audit"),
    "history_file": Path("history"), "no_history": False, "dry_run": False,
    "max_memory": None,
}  # fmt: skip


def options(**changes: object) -> SharedOptions:
    return SharedOptions(**(DEFAULTS | changes))


def test_without_a_selector_gopls_is_watched_and_nothing_acts() -> None:
    request = options().request()
    assert request.selection.comms == ("gopls",)
    assert request.policies is None
    assert not request.insists


def test_a_selector_takes_the_place_of_the_default() -> None:
    assert options(pids=(1,)).request().selection.comms == ()


def test_a_policy_of_the_command_line_insists_on_acting() -> None:
    request = options(level="85%").request()
    assert request.insists
    assert request.policies is not None
    assert len(request.policies.policies) == 1


def test_no_history_is_none() -> None:
    assert options().request().history == Path("history")
    assert options(no_history=True).request().history is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cgroups": ("",)}, "--cgroup is empty"),
        ({"dry_run": True}, "--dry-run needs a policy"),
        ({"config": Path("x")}, "--config and --no-config"),
        ({"config": Path("x"), "level": "85%"}, "--config excludes"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options(**changes).request()
