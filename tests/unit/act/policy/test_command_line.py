"""The breaker's options, as one policy."""

from dataclasses import dataclass
from typing import Any

import pytest

from ebpftrace.act.policy.command_line import policy_from_options
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.options import PolicyOptions
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


def made(**options: Any) -> Policy | None:
    return policy_from_options(PolicyOptions(**options), actions=ACTIONS)


def test_bounds_and_a_shell_line_make_a_policy() -> None:
    policy = made(growth="256MiB/60s", level="85%", on_breach="a b")
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
    assert policy.when == (condition("builtin", least=Severity.CRITICAL),)
    assert policy.grace_ns == 10 * NS_PER_SECOND


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
    policy = made(fuse="1.5GiB")
    assert policy is not None
    assert policy.fuse == Fuse(1.5 * GIB, False)
    assert policy.when == ()
    assert [step.action for step in policy.ladder] == ["capture"]
    beside = made(level="85%", on_breach="a b", fuse="90%")
    assert beside is not None
    assert beside.fuse == Fuse(0.9, True)
    assert beside.when == (level(0.85, share=True),)


@pytest.mark.parametrize("text", ["", "90", "0%", "100%", "120%", "much", "-1GiB"])
def test_an_invalid_fuse_is_rejected(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        made(fuse=text)
    assert "--fuse" in raised.value.what


def test_the_built_in_judgement_has_a_backstop() -> None:
    policy = made(on_breach="x")
    assert policy is not None
    assert policy.fuse == Fuse(0.95, True, then=FuseEnd.THAW, backstop=True)
    later = made(on_breach="x", backstop="97.5%")
    assert later is not None
    assert later.fuse == Fuse(0.975, True, then=FuseEnd.THAW, backstop=True)
    without = made(on_breach="x", no_backstop=True)
    assert without is not None
    assert without.fuse is None


@pytest.mark.parametrize("bound", [{"growth": "64MiB/10s"}, {"level": "85%"}])
def test_a_bound_of_the_user_holds_at_once_and_has_no_backstop(bound: dict[str, str]) -> None:
    policy = made(**bound, on_breach="x")
    assert policy is not None
    assert (policy.grace_ns, policy.fuse) == (0, None)
    asked = made(**bound, on_breach="x", grace="30s")
    assert asked is not None
    assert asked.grace_ns == 30 * NS_PER_SECOND


@pytest.mark.parametrize("text", ["", "95", "0%", "100%", "1GiB"])
def test_an_invalid_backstop_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="--backstop cannot be") as raised:
        made(on_breach="x", backstop=text)
    assert raised.value.fix == "write: --backstop 95%"


@pytest.mark.parametrize("text", ["", "soon", "-1s", "25h"])
def test_an_invalid_grace_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="--grace cannot be"):
        made(level="85%", grace=text)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"backstop": "95%", "no_backstop": True, "on_breach": "x"}, "exclude each other"),
        ({"backstop": "95%"}, "need --on-breach alone"),
        ({"no_backstop": True}, "need --on-breach alone"),
        ({"backstop": "95%", "on_breach": "x", "level": "85%"}, "need --on-breach alone"),
        ({"backstop": "95%", "on_breach": "x", "fuse": "90%"}, "need --on-breach alone"),
        ({"grace": "10s"}, "--grace needs a policy"),
    ],
)
def test_options_without_an_effect_are_rejected(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        made(**options)
