"""The breaker's options, as one policy."""

from dataclasses import dataclass

import pytest

from ebpftrace.act.policy.command_line import policy_from_options
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.errors import UsageError
from ebpftrace.judge.finding import Severity
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.actions import fake_action
from tests.support.conditions import condition, growth, level


@dataclass(frozen=True)
class Capture:
    pass


@dataclass(frozen=True)
class Shell:
    line: str


ACTIONS = {
    "capture": fake_action("capture", Capture, informational=True, saves_evidence=True),
    "shell": fake_action("shell", Shell),
}


def made(
    growth: str | None = None, level: str | None = None, on_breach: str | None = None
) -> Policy | None:
    return policy_from_options(growth, level, on_breach, actions=ACTIONS)


def test_bounds_and_a_shell_line_make_a_policy() -> None:
    policy = policy_from_options("256MiB/60s", "85%", "a b", actions=ACTIONS)
    assert policy is not None
    assert policy.when == (
        growth(256 * MIB, window_ns=60 * NS_PER_SECOND),
        level(0.85, share=True),
    )
    assert (policy.mode, policy.match) == (Mode.ANY, Match())
    assert [(step.action, step.options) for step in policy.ladder] == [
        ("capture", Capture()), ("shell", Shell("a b")),
    ]  # fmt: skip


def test_a_level_in_bytes() -> None:
    policy = made(level="1.5GiB")
    assert policy is not None
    assert policy.when == (level(1.5 * GIB),)
    assert [step.action for step in policy.ladder] == ["capture"]


def test_a_shell_line_alone_uses_the_built_in_judgement() -> None:
    policy = made(on_breach="x")
    assert policy is not None
    assert policy.when == (condition("builtin", least=Severity.WARNING),)


def test_no_option_is_no_policy() -> None:
    assert made() is None


@pytest.mark.parametrize("growth", ["", "256MiB", "256MiB/", "/60s", "256MB/60x", "1G/60s",
                                    "0MiB/60s", "1MiB/0s"])  # fmt: skip
def test_an_invalid_growth_is_rejected(growth: str) -> None:
    with pytest.raises(UsageError, match="--growth cannot be") as caught:
        made(growth=growth)
    assert caught.value.fix == "write: --growth 256MiB/60s"


@pytest.mark.parametrize("level", ["", "0", "0%", "101%", "85", "85.0", "1.5G", "-1MiB"])
def test_an_invalid_level_is_rejected(level: str) -> None:
    with pytest.raises(UsageError, match="--level cannot be"):
        made(level=level)


@pytest.mark.parametrize("line", ["", "  ", "a\0b"])
def test_an_invalid_shell_line_is_rejected(line: str) -> None:
    with pytest.raises(UsageError, match="--on-breach is empty"):
        made(on_breach=line)


def test_a_fuse_is_a_policy_of_its_own() -> None:
    policy = policy_from_options(None, None, None, "1.5GiB", actions=ACTIONS)
    assert policy is not None
    assert policy.fuse == Fuse(1.5 * GIB, False)
    assert policy.when == ()
    assert [step.action for step in policy.ladder] == ["capture"]
    beside = policy_from_options(None, "85%", "a b", "90%", actions=ACTIONS)
    assert beside is not None
    assert beside.fuse == Fuse(0.9, True)
    assert beside.when == (level(0.85, share=True),)


@pytest.mark.parametrize("text", ["", "90", "0%", "100%", "120%", "much", "-1GiB"])
def test_an_invalid_fuse_is_rejected(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        policy_from_options(None, None, None, text, actions=ACTIONS)
    assert "--fuse" in raised.value.what
