"""The last rung of a ladder that a fuse set off: nobody is left standing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ebpftrace.act.actions import STARTS, Start, signal
from ebpftrace.act.actions.support.running import Running, over
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.fuse import FuseEnd
from ebpftrace.act.policy.policy import Policy, Step
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND

LET_GO = "let_go"
"""Not for policies to name: what `then = "thaw"` adds."""

_TIMEOUT_NS = 20 * NS_PER_SECOND

LetGo = Callable[[ProcessKey], None]


def with_end(policy: Policy) -> Policy:
    """The policy with what its fuse asks for at the end of the ladder."""
    assert policy.fuse is not None
    end = Step(LET_GO, _TIMEOUT_NS, None) if policy.fuse.then is FuseEnd.THAW else kill()
    return replace(policy, ladder=(*policy.ladder, end))


def kill() -> Step:
    """What stands cannot answer to anything else."""
    return Step("signal", _TIMEOUT_NS, signal.SignalOptions(send=("KILL",)))


def starts_with(let_go: LetGo) -> Mapping[str, Start]:
    """All actions, where those that signal wake whoever stands: it could not hear them."""

    def go_on(incident: Incident, options: Any) -> Running:
        for one in incident.targets:
            let_go(one.key)
        return over(StepStatus.DONE, f"{incident.target_name} goes on")

    return {**STARTS, LET_GO: go_on, "signal": partial(signal.start, let_go=let_go)}
