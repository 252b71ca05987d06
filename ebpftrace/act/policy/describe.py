"""A policy in words, for people: who, when, then, and how often."""

from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseEnd
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.events import FuseOf
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration


def in_words(policy: Policy) -> tuple[tuple[str, str], ...]:
    """(label, text) pairs, in the order they are read."""
    joint = " or " if policy.mode is Mode.ANY else " and "
    when = joint.join(map(condition_in_words, policy.when)) or "its fuse blows"
    if policy.for_ns and policy.when:
        when += f", for {format_duration(policy.for_ns)}"
    then = ", then ".join(step.action for step in policy.ladder)
    if policy.dry_run:
        then += " (a dry run: said, not done)"
    fuse = () if policy.fuse is None else (("fuse", fuse_in_words(policy.fuse)),)
    return (
        ("who", _match(policy.match)), *fuse, ("when", when), ("then", then),
        ("often", _often(policy)),
    )  # fmt: skip


def _often(policy: Policy) -> str:
    """A fuse minds the budget alone: who stands has to be decided on."""
    budget = policy.budget
    often = f"at most {budget.restarts} restarts in {format_duration(budget.window_ns)}"
    if not policy.when:
        return often
    often += (
        f", {format_duration(policy.cooldown_ns)} rest after an incident, "
        f"no process younger than {format_duration(policy.grace_ns)}"
    )
    return often if policy.fuse is None else f"{often}; the fuse minds the first alone"


def fuse_in_words(fuse: Fuse) -> str:
    """`stopped by the kernel where its job holds 90% of its limit, then SIGKILL`."""
    size = f"{100 * fuse.bound:.6g}% of its limit" if fuse.share else _size(fuse.bound)
    what = {
        FuseOf.PROCESS: "it holds",
        FuseOf.JOB: "its job holds",
        FuseOf.CHARGE: "its cgroup is charged for",
    }[fuse.of]
    if fuse.action is FuseAction.KILL:
        return f"killed by the kernel where {what} {size}"
    end = "goes on" if fuse.then is FuseEnd.THAW else "SIGKILL"
    return f"stopped by the kernel where {what} {size}; {end} after the ladder"


def condition_in_words(condition: Condition) -> str:
    """`a job gains 256 MiB in 60s`."""
    who = "a process" if condition.per_process else "a job"
    bound, window = condition.bound, format_duration(condition.window_ns)
    size = f"{100 * bound:.6g}%" if condition.share else _size(bound)
    match condition.detector:
        case "builtin":
            least = condition.least.name.lower()
            return f"the built-in judgement finds a {least} or worse"
        case "level" if condition.share:
            return f"{who} is at {size} of its limit"
        case "level":
            return f"{who} holds {size}"
        case "growth":
            of_limit = " of its limit" if condition.share else ""
            return f"{who} gains {size}{of_limit} in {window}"
        case "climb":
            return f"{who} climbs by {size}/s for {window}"
        case "time_to_limit":
            left = format_duration(round(bound * NS_PER_SECOND))
            return f"{who} climbs and is {left} from its limit"
        case "thrash":
            return "a job thrashes at its limit"
        case "oom":
            return "the OOM killer takes a process of a job"
        case other:
            return other


def _size(bound: float) -> str:
    return format_bytes(round(bound))


def _match(match: Match) -> str:
    kinds = (
        ("comm", match.comms), ("job kind", match.job_kinds), ("job", match.job_names),
        ("cgroup", match.cgroups), ("container", match.containers), ("unit", match.units),
    )  # fmt: skip
    told = [f"{name} {' or '.join(globs)}" for name, globs in kinds if globs]
    return ", ".join(told) or "every process that is watched"
