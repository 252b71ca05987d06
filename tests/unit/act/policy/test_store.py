"""Policies in force: read, read again, and kept when the file is bad."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ebpftrace.act.policy.file import PolicyFileError
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.store import PolicyStore, default_file
from ebpftrace.errors import EbpftraceError
from tests.support.actions import fake_action
from tests.support.conditions import condition


@dataclass(frozen=True)
class Options:
    pass


ACTIONS = {"capture": fake_action("capture", Options, informational=True, saves_evidence=True)}

GOOD = """
[[policy]]
name = "{}"
when = [{{ detector = "oom" }}]
then = [{{ action = "capture" }}]
"""


def test_a_bad_file_on_reload_keeps_the_old_policies(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(GOOD.format("one"))
    store = PolicyStore(file, actions=ACTIONS)
    assert [one.name for one in store.policies] == ["one"]

    file.write_text(GOOD.format("two"))
    reloaded = store.reload()
    assert (reloaded.error, reloaded.sentence) == (None, "1 policy reloaded")
    assert [one.name for one in store.policies] == ["two"]

    file.write_text(GOOD.format("three").replace("oom", "omm"))
    reloaded = store.reload()
    assert isinstance(reloaded.error, PolicyFileError)
    assert reloaded.sentence == (
        f"not reloaded, 1 policy kept: a mistake in the policy file {file}: line 4: "
        'policy[0].when[0].detector: found "omm", expected "oom"'
    )
    assert [one.name for one in store.policies] == ["two"]

    file.unlink()
    assert "No such file or directory" in store.reload().sentence
    assert [one.name for one in store.policies] == ["two"]


def test_a_bad_file_never_starts_a_watch(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError):
        PolicyStore(tmp_path / "none.toml")


def test_a_dry_run_makes_all_policies_dry_and_stays_so_after_a_reload(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(GOOD.format("one"))
    store = PolicyStore(file, dry_run=True, actions=ACTIONS)
    assert store.policies[0].dry_run
    store.reload()
    assert store.policies[0].dry_run


def test_fixed_policies_are_served_without_a_file() -> None:
    fixed = Policy("command line", Match(), (condition("oom"),), Mode.ANY, ())
    store = PolicyStore(None, (fixed,))
    assert store.policies == (fixed,)
    assert store.reload().policies == (fixed,)


def test_default_places(tmp_path: Path) -> None:
    system, mine = tmp_path / "etc/policy.toml", tmp_path / "x/ebpftrace/policy.toml"
    home = tmp_path / "home/.config/ebpftrace/policy.toml"
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "x"), "HOME": str(tmp_path / "home")}
    assert default_file(environ, system) is None
    for file in (system, mine, home):
        file.parent.mkdir(parents=True)
    system.touch()
    assert default_file(environ, system) == system
    home.touch()
    assert default_file(environ, system) == system  # XDG_CONFIG_HOME replaces ~/.config
    mine.touch()
    assert default_file(environ, system) == mine
    assert default_file({**environ, "XDG_CONFIG_HOME": "x"}, system) == home
    assert default_file({"HOME": "."}, system) == system
