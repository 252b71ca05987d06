"""The last step of a ladder that a fuse started: no process stays stopped."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ebpftrace.act.actions import ACTIONS, signal
from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.running import Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.fuse import FuseEnd, only_saves_evidence
from ebpftrace.act.policy.policy import Policy, Step
from ebpftrace.act.process.sharers import FindSharers, no_sharers
from ebpftrace.events import ProcessKey
from ebpftrace.probe import HeirControl
from ebpftrace.units import NS_PER_SECOND

RESUME = "resume"
"""The action of the step that `then = "thaw"` adds. No policy can name it."""

_TIMEOUT_NS = 20 * NS_PER_SECOND


def at_stop(policy: Policy, used_share: float | None) -> Policy:
    """The policy as it applies to a stop at this usage: at a backstop, first the evidence."""
    assert policy.fuse is not None
    if not only_saves_evidence(policy.fuse, used_share):
        return policy
    steps = (step for step in policy.ladder if ACTIONS[step.action].informational)
    return replace(policy, ladder=tuple(steps))


def with_end(policy: Policy) -> Policy:
    """The policy with the last step that its fuse requires."""
    assert policy.fuse is not None
    thaws = policy.fuse.then is FuseEnd.THAW
    end = Step(RESUME, _TIMEOUT_NS, NoOptions()) if thaws else kill()
    return replace(policy, ladder=(*policy.ladder, end))


def kill() -> Step:
    """SIGKILL: a stopped process handles no other signal."""
    return Step("signal", _TIMEOUT_NS, signal.SignalOptions(send=("KILL",)))


def actions_with(
    resume: Callable[[ProcessKey], None],
    find_sharers: FindSharers = no_sharers,
    heirs: HeirControl | None = None,
) -> Mapping[str, Action[Any]]:
    """All actions, for a watch with a fuse; `resume(process)` resumes a stopped process.

    `signal` does so after each signal, which a stopped process could not handle. It ends the
    sharers of its targets as well, and their heirs.
    """

    def start(incident: Incident, _options: NoOptions) -> Running:
        for target in incident.targets:
            resume(target.key)
        return finished(StepStatus.DONE, f"{incident.target_name} resumed")

    resuming = Action(
        name=RESUME,
        options=NoOptions,
        doc="resume the process that a fuse stopped",
        timeout_ns=_TIMEOUT_NS,
        start=start,
        prepare=None,
        concurrent=False,
        after_outcome=False,
        informational=True,
        temporary=False,
        spends_budget=False,
        saves_evidence=False,
        awaits_evidence=True,
    )
    signaling = replace(
        signal.ACTION,
        start=partial(signal.start, resume=resume, find_sharers=find_sharers, heirs=heirs),
    )
    return {**ACTIONS, resuming.name: resuming, signaling.name: signaling}
