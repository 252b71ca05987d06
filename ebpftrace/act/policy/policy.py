"""A policy, as typed values. Nothing here reads a file or runs anything.

Where they come from: `policy_file.py` (TOML) and `command_line.py` (`--growth`, `--level`,
`--on-breach`). Globs are `fnmatch.fnmatchcase`; an empty tuple matches everything.
"""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.judge.finding import Severity
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Match:
    """Which processes a policy is for: every kind that is given must agree."""

    comms: tuple[str, ...] = ()
    job_kinds: tuple[str, ...] = ()
    job_names: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One detector with its bound, or the built-in judgement from a severity on.

    `bound` is bytes for level and growth (where `share` is set, a share 0..1 of the limit),
    bytes/s for climb, seconds for time_to_limit. `window_ns` is growth's window, and how
    long a climb must last. "builtin" uses `least` alone; "thrash" and "oom" nothing.
    """

    detector: str
    bound: float = 0.0
    share: bool = False
    window_ns: int = 0
    least: Severity = Severity.WARNING
    per_process: bool = False


class Mode(StrEnum):
    """How several conditions agree."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: an action's name, how long it may take, and its own options.

    `options` is the action's frozen dataclass (see act/actions/), made when the policy is
    parsed, so that a mistake is said before anything runs.
    """

    action: str
    timeout_ns: int
    options: object


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many ends of a process per window and job.

    The default stays below the five in three minutes at which editors give up on a
    language server.
    """

    restarts: int = 3
    window_ns: int = 600 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do, to whom, when."""

    name: str
    match: Match
    when: tuple[Condition, ...]
    mode: Mode
    ladder: tuple[Step, ...]
    for_ns: int = 0  # the conditions must hold this long
    cooldown_ns: int = 60 * NS_PER_SECOND  # after an incident, per job
    grace_ns: int = 10 * NS_PER_SECOND  # a young process is left alone
    budget: Budget = Budget()
    dry_run: bool = False
    fuse: Fuse | None = None  # None: nobody is stopped by the kernel side
