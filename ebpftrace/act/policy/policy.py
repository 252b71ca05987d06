"""A policy, as typed values. Nothing here reads a file or runs anything.

They come from `file.py` (TOML) and `command_line.py` (`--growth`, `--level`, `--fuse`,
`--on-breach`). Globs are `fnmatch.fnmatchcase`; an empty tuple matches everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.builtin import BuiltinJudgement
from ebpftrace.units import NS_PER_SECOND

DEFAULT_GRACE_NS = 10 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Match:
    """Which processes a policy is for: every field that is given must match."""

    comms: tuple[str, ...] = ()
    job_kinds: tuple[str, ...] = ()
    job_names: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One detector with its settings, or the built-in judgement from a severity on."""

    kind: ConditionKind[Any]
    detector: Detector | BuiltinJudgement  # what `kind.build` made
    per_process: bool = False


class Mode(StrEnum):
    """How several conditions are combined."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: an action's name, how long it may take, and its own options.

    `options` is the action's frozen dataclass (see act/actions/), made when the policy is
    parsed, so that a mistake is reported before anything runs.
    """

    action: str
    timeout_ns: int
    options: object


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many processes of a job are ended within the window.

    The default stays below the five in three minutes at which editors give up on a
    language server.
    """

    restarts: int = 3
    window_ns: int = 600 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Policy:
    """Which processes it is for, when something is done, and what."""

    name: str
    match: Match
    when: tuple[Condition, ...]
    mode: Mode
    ladder: tuple[Step, ...]
    for_ns: int = 0  # the conditions must hold this long
    cooldown_ns: int = 60 * NS_PER_SECOND  # after an incident, per job
    grace_ns: int = DEFAULT_GRACE_NS  # a younger process is exempt
    budget: Budget = Budget()
    dry_run: bool = False
    fuse: Fuse | None = None  # None: the kernel side stops no process


def needs_backstop(when: Sequence[Condition], mode: Mode) -> bool:
    """Whether the built-in judgement alone is enough for these conditions to hold."""
    builtin = any(isinstance(condition.detector, BuiltinJudgement) for condition in when)
    return builtin and (mode is Mode.ANY or len(when) == 1)
