"""A policy in words, for people: which processes, when, then what, and how often."""

from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseEnd, FuseResumed
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.events import FuseScope
from ebpftrace.judge import words
from ebpftrace.units import format_duration


def in_words(policy: Policy) -> tuple[tuple[str, str], ...]:
    """(label, text) pairs, in reading order."""
    joint = " or " if policy.mode is Mode.ANY else " and "
    when = joint.join(map(condition_in_words, policy.when)) or "its fuse blows"
    if policy.for_ns and policy.when:
        when += f", for {format_duration(policy.for_ns)}"
    then = ", then ".join(step.action for step in policy.ladder)
    if policy.dry_run:
        then += " (dry run: reported, not done)"
    fuse: tuple[tuple[str, str], ...] = ()
    if policy.fuse is not None:
        label = "backstop" if policy.fuse.backstop else "fuse"
        fuse = ((label, fuse_in_words(policy.fuse)),)
    return (
        ("match", _match(policy.match)), *fuse, ("when", when), ("then", then),
        ("often", _often(policy)),
    )  # fmt: skip


def _often(policy: Policy) -> str:
    """A fuse respects the budget alone: something must become of a stopped process."""
    budget = policy.budget
    often = f"at most {budget.restarts} restarts in {format_duration(budget.window_ns)}"
    if not policy.when:
        return often
    often += f", {format_duration(policy.cooldown_ns)} rest after an incident"
    if policy.grace_ns:
        grace = format_duration(policy.grace_ns)
        often += f", no process younger than {grace} unless its limit comes first"
    return often if policy.fuse is None else f"{often}; the fuse respects only the restarts"


_RESUMED = {
    FuseResumed.KILL: "killed if others resume it five times within a second",
    FuseResumed.STOP: "stopped again however often others resume it",
}


def fuse_in_words(fuse: Fuse) -> str:
    """`stopped by the kernel when its job holds 90% of its limit; SIGKILL after the ladder`."""
    size = (
        f"{words.exact_share(fuse.bound)} of its limit"
        if fuse.share
        else words.exact_size(fuse.bound)
    )
    what = {
        FuseScope.PROCESS: "it holds",
        FuseScope.JOB: "its job holds",
        FuseScope.CHARGE: "its cgroup is charged for",
    }[fuse.scope]
    if fuse.action is FuseAction.KILL:
        return f"killed by the kernel when {what} {size}"
    end = "resumed" if fuse.then is FuseEnd.THAW else "SIGKILL"
    resumed = f"; {_RESUMED[fuse.resumed]}" if fuse.resumed else ""
    return f"stopped by the kernel when {what} {size}; {end} after the ladder{resumed}"


def condition_in_words(condition: Condition) -> str:
    """`a job gains 256 MiB in 60s`."""
    subject = "a process" if condition.per_process else "a job"
    return condition.kind.describe(condition.detector, subject)


def _match(match: Match) -> str:
    kinds = (
        ("comm", match.comms), ("job kind", match.job_kinds), ("job", match.job_names),
        ("cgroup", match.cgroups), ("container", match.containers), ("unit", match.units),
    )  # fmt: skip
    matched = [f"{name} {' or '.join(globs)}" for name, globs in kinds if globs]
    return ", ".join(matched) or "every watched process"
