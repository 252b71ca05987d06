"""The backstop of a policy that acts on the built-in judgement."""

from dataclasses import replace

import pytest

from ebpftrace.act.policy.describe import in_words
from ebpftrace.act.policy.file import PolicyFileError, parse_policies
from ebpftrace.act.policy.fuse import Fuse, backstop
from ebpftrace.act.policy.policy import Policy

BUILTIN = 'when = [{ detector = "builtin" }]'
BOTH = """when = [{ detector = "builtin" }, { detector = "level", bound = "85%" }]"""


def read(lines: str) -> Policy:
    text = f'[[policy]]\nname = "p"\nthen = [{{ action = "capture" }}]\n{lines}\n'
    (policy,) = parse_policies(text.encode(), "policy.toml")
    return policy


@pytest.mark.parametrize(
    ("lines", "fuse"),
    [
        (BUILTIN, backstop(0.95)),
        (f'{BUILTIN}\nbackstop = "97%"', backstop(0.97)),
        (f"{BUILTIN}\nbackstop = false", None),
        (f'{BUILTIN}\nfuse = "90%"', Fuse(0.9, True)),
        (BOTH, backstop(0.95)),
        (f'{BOTH}\nmode = "all"', None),  # the level must hold too
        (f'{BUILTIN}\nmode = "all"', backstop(0.95)),
        ('when = [{ detector = "level", bound = "85%" }]', None),
    ],
)
def test_a_policy_that_waits_for_evidence_has_one(lines: str, fuse: Fuse | None) -> None:
    assert read(lines).fuse == fuse


@pytest.mark.parametrize("value", ["true", '"95"', '"100%"', '"1GiB"', "0.95"])
def test_an_invalid_one_is_rejected(value: str) -> None:
    with pytest.raises(PolicyFileError) as raised:
        read(f"{BUILTIN}\nbackstop = {value}")
    assert 'expected a share below 100% such as "95%", or false' in str(raised.value.why)


@pytest.mark.parametrize(
    "lines",
    [
        'when = [{ detector = "level", bound = "85%" }]',
        f'{BOTH}\nmode = "all"',
        f'{BUILTIN}\nfuse = "90%"',
    ],
)
@pytest.mark.parametrize("value", ['"95%"', "false"])
def test_one_without_an_effect_is_rejected(lines: str, value: str) -> None:
    with pytest.raises(PolicyFileError) as raised:
        read(f"{lines}\nbackstop = {value}")
    assert "a backstop of a policy that needs none" in str(raised.value.why)


def test_it_is_described_as_what_it_is() -> None:
    policy = read(BUILTIN)
    assert dict(in_words(policy))["backstop"] == (
        "stopped by the kernel when its job holds 95% of its limit; resumed after the ladder"
    )
    assert "fuse" not in dict(in_words(policy))


def test_grace_is_said_where_there_is_some() -> None:
    policy = read(BUILTIN)
    often = dict(in_words(policy))["often"]
    assert "no process younger than 10s unless its limit comes first" in often
    without = dict(in_words(replace(policy, grace_ns=0)))["often"]
    assert "younger" not in without
