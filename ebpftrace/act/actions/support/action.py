"""An action: what a policy's step runs, with the properties that the ladder goes by.

One file of act/actions/ defines one action, as its `ACTION`. Its options are a frozen
dataclass. Its fields are the keys of the step's table in TOML, and their annotations
say how a value is written:

    @dataclass(frozen=True, slots=True)
    class Options:
        line: Annotated[str, "the line given to /bin/sh"]
        output_bytes: Annotated[int, "bytes", "how much of its output is kept"] = 64 * KIB
        grace_ns: Annotated[int, "duration", "between TERM and KILL"] = 5 * NS_PER_SECOND
        send: Annotated[tuple[Literal["QUIT", "TERM"], ...], "in this order"] = ("TERM",)
        log: Annotated[Path | None, "where it is appended"] = None

A field is `str`, `bool`, `int`, `float`, `Path` (absolute), `Literal[...]`, a `StrEnum`, a
`tuple[..., ...]` of one of those, `dict[str, str]`, or any of them `| None`. The units
"bytes", "duration" (nanoseconds inside) and "share" (0..1) are written as people write
them, and the suffixes `_bytes` and `_ns` are left out of the key; the other text is the
key's documentation. A field without default is required; one named like a keyword ends in
`_`. What no annotation can say goes into `__post_init__`, as ValueError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.incident import Incident

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options of an action without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Generic[OptionsT]):
    """An action. No property has a default: each action states all of them.

    `start(incident, options)` returns at once; what can block runs on a thread or in a
    process of its own. It may raise: the step has failed then.
    """

    name: str  # as policies, the audit log and the views write it
    options: type[OptionsT]
    doc: str  # one line, for editors
    timeout_ns: int  # unless a step sets its own
    start: Callable[[Incident, OptionsT], Running]
    prepare: Callable[[], None] | None
    """Makes what its next start needs, where there is time for that: half way to a bound."""
    concurrent: bool
    """The next step does not wait for it, and it runs even after an earlier step helped."""
    after_outcome: bool
    """It runs once the outcome is known, on what the process left behind.

    The target's cache directories are recorded when the incident begins, for its use.
    """
    informational: bool
    """It changes nothing, so whether it helped is not checked."""
    temporary: bool
    """It wins time for the next step: whether it helped is checked after the last step."""
    spends_budget: bool
    """It may end a process, so the policy's budget limits it."""
    saves_evidence: bool
    """It saves what is known of the target. A ladder without such a step gets one, with the
    default options, as its first."""
    awaits_evidence: bool
    """It ends the target, or lets a stopped one run on: what was saved is on the disk first."""

    def __post_init__(self) -> None:
        """ValueError where two properties contradict each other."""
        if self.informational and (self.temporary or self.spends_budget):
            raise ValueError(f"the action {self.name} is informational, yet changes something")
        if self.saves_evidence and not self.informational:
            raise ValueError(f"the action {self.name} saves evidence, yet changes something")
