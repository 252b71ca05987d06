"""`--growth`, `--level`, `--fuse`, `--on-breach` and what changes them, as one policy."""

from collections.abc import Mapping
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.policy.fuse import Fuse, backstop
from ebpftrace.act.policy.keys import BACKSTOP, LEVEL
from ebpftrace.act.policy.options import PolicyOptions
from ebpftrace.act.policy.policy import DEFAULT_GRACE_NS, Condition, Match, Mode, Policy, Step
from ebpftrace.act.policy.reader import default_step, with_evidence
from ebpftrace.act.policy.toml.values import DURATION, SPAN
from ebpftrace.errors import UsageError
from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.detectors import builtin, growth, level

NAME = "command line"


def policy_from_options(
    options: PolicyOptions, *, actions: Mapping[str, Action[Any]] = ACTIONS
) -> Policy | None:
    """The policy that these options make together; None where none of them is given.

    Without a bound or a fuse the built-in judgement decides, with a backstop. The ladder
    saves the evidence, and then runs the shell line, if there is one. A bound that the user
    gives holds at once, without grace. UsageError for a malformed option.
    """
    when: list[Condition] = []
    if options.growth is not None:
        when.append(_growth(options.growth))
    if options.level is not None:
        when.append(_level(options.level))
    fuse = None if options.fuse is None else _fuse(options.fuse)
    judges = not when and fuse is None and options.make_a_policy
    _refuse_superfluous(options, judges=judges)
    if not options.make_a_policy:
        return None
    grace_ns = 0 if when else DEFAULT_GRACE_NS
    if options.grace is not None:
        grace_ns = _grace(options.grace)
    if judges:
        when = [Condition(builtin.CONDITION, builtin.CONDITION.build())]
        fuse = _backstop(options)
    return Policy(
        name=NAME,
        match=Match(),
        when=tuple(when),
        mode=Mode.ANY,
        ladder=_ladder(options.on_breach, actions),
        grace_ns=grace_ns,
        fuse=fuse,
    )


def _ladder(on_breach: str | None, actions: Mapping[str, Action[Any]]) -> tuple[Step, ...]:
    ladder: list[Step] = []
    if on_breach is not None:
        if not on_breach.strip() or "\0" in on_breach:
            raise UsageError(
                "--on-breach is empty",
                fix="give a shell line: --on-breach 'systemctl restart gopls.service'",
            )
        ladder.append(default_step("shell", actions, line=on_breach))
    return tuple(with_evidence(ladder, actions))


def _refuse_superfluous(options: PolicyOptions, *, judges: bool) -> None:
    """Refuse options that would have no effect."""
    if options.backstop is not None and options.no_backstop:
        raise UsageError("--backstop and --no-backstop exclude each other", fix="leave one out")
    if (options.backstop is not None or options.no_backstop) and not judges:
        raise UsageError(
            "--backstop and --no-backstop need --on-breach alone",
            why="a bound or a fuse of your own has no backstop",
            fix="leave them out, or see --fuse",
        )
    if options.grace is not None and not options.make_a_policy:
        raise UsageError(
            "--grace needs a policy",
            fix="add --growth, --level, --fuse or --on-breach",
        )


def _backstop(options: PolicyOptions) -> Fuse | None:
    if options.no_backstop:
        return None
    if options.backstop is None:
        return backstop()
    try:
        return backstop(BACKSTOP.read(options.backstop))
    except ValueError as error:
        raise _refused("--backstop", options.backstop, "95%") from error


def _grace(text: str) -> int:
    try:
        grace_ns: int = DURATION.read(text)
    except ValueError as error:
        raise _refused("--grace", text, "10s") from error
    return grace_ns


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
