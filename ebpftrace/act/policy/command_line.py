"""`--growth`, `--level`, `--fuse` and `--on-breach`, as one policy."""

from collections.abc import Mapping
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.keys import LEVEL
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy, Step
from ebpftrace.act.policy.reader import default_step, with_evidence
from ebpftrace.act.policy.toml.values import SPAN
from ebpftrace.errors import UsageError
from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.detectors import builtin, growth, level

NAME = "command line"


def policy_from_options(
    growth: str | None,
    level: str | None,
    on_breach: str | None,
    fuse: str | None = None,
    *,
    actions: Mapping[str, Action[Any]] = ACTIONS,
) -> Policy | None:
    """The policy that these options make together; None where none of them is given.

    Without a bound or a fuse the built-in judgement decides. The ladder saves the evidence,
    and then runs the shell line, if there is one. UsageError for a malformed option.
    """
    when: list[Condition] = []
    if growth is not None:
        when.append(_growth(growth))
    if level is not None:
        when.append(_level(level))
    if not when and on_breach is None and fuse is None:
        return None
    blows = None if fuse is None else _fuse(fuse)
    ladder: list[Step] = []
    if on_breach is not None:
        if not on_breach.strip() or "\0" in on_breach:
            raise UsageError(
                "--on-breach is empty",
                fix="give a shell line: --on-breach 'systemctl restart gopls.service'",
            )
        ladder.append(default_step("shell", actions, line=on_breach))
    return Policy(
        name=NAME,
        match=Match(),
        when=tuple(when)
        or (() if blows else (Condition(builtin.CONDITION, builtin.CONDITION.build()),)),
        mode=Mode.ANY,
        ladder=tuple(with_evidence(ladder, actions)),
        fuse=blows,
    )


def _fuse(text: str) -> Fuse:
    try:
        bound: Bound = LEVEL.read(text)
    except ValueError as error:
        raise _refused("--fuse", text, "90% or --fuse 1.8GiB") from error
    if bound.is_share and bound.value >= 1:
        raise _refused("--fuse", text, "90%: at 100% the OOM killer comes first")
    return Fuse(bound.value, bound.is_share)


def _growth(text: str) -> Condition:
    size, _, window = text.partition("/")
    try:
        detector = growth.CONDITION.build(bound=LEVEL.read(size), window=SPAN.read(window))
    except ValueError as error:
        raise _refused("--growth", text, "256MiB/60s") from error
    return Condition(growth.CONDITION, detector)


def _level(text: str) -> Condition:
    try:
        detector = level.CONDITION.build(bound=LEVEL.read(text))
    except ValueError as error:
        raise _refused("--level", text, "85% or --level 1.5GiB") from error
    return Condition(level.CONDITION, detector)


def _refused(option: str, text: str, example: str) -> UsageError:
    return UsageError(f"{option} cannot be {text!r}", fix=f"write: {option} {example}")
