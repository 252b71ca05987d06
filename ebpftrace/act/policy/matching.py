"""Which policy applies to a process: the first, in file order, whose every key matches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ebpftrace.act.policy.policy import Match, Policy
from ebpftrace.jobs.containers import container_id
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.systemd import units
from ebpftrace.process_names import cut_pattern

_SHORT_ID = 12  # digits of a container's id, as `docker ps` shows it


@dataclass(frozen=True, slots=True)
class PolicyMatch:
    """Whether one policy applies to a process.

    `reasons` say why it does not match; there are none if it does. `earlier` names the
    policy that applies instead because it comes first.
    """

    policy: Policy
    applies: bool
    reasons: tuple[str, ...] = ()
    earlier: str = ""


def policy_for(
    policies: Sequence[Policy], comm: str, job: JobIdentity, exec_name: str = ""
) -> Policy | None:
    """The first policy that matches this process, or None.

    `comm` is the name it has now, `exec_name` the one it was executed under, "" if that is
    not known. A policy's `comm` matches either.
    """
    return next((it for it in policies if agrees(it.match, comm, job, exec_name)), None)


def agrees(match: Match, comm: str, job: JobIdentity, exec_name: str = "") -> bool:
    """Whether every key matches a process of these names in this job."""
    return next(_disagreements(match, comm, job, exec_name), None) is None


def explain(
    policies: Sequence[Policy], comm: str, job: JobIdentity, exec_name: str = ""
) -> tuple[PolicyMatch, ...]:
    """Every policy's answer, in order."""
    answers: list[PolicyMatch] = []
    first = ""
    for policy in policies:
        reasons = tuple(_disagreements(policy.match, comm, job, exec_name))
        applies = not reasons and not first
        answers.append(PolicyMatch(policy, applies, reasons, "" if reasons else first))
        if applies:
            first = policy.name
    return tuple(answers)


def comms_to_watch(policies: Sequence[Policy], default: tuple[str, ...]) -> tuple[str, ...]:
    """The `comm` globs of these policies; `default` for a policy without any."""
    globs = [glob for policy in policies for glob in policy.match.comms or default]
    return tuple(dict.fromkeys(globs)) or default


def _disagreements(match: Match, comm: str, job: JobIdentity, exec_name: str) -> Iterator[str]:
    # Below a cgroup that was delegated to a user the names are that user's choice.
    given = job.given_path or job.cgroup
    names = tuple(dict.fromkeys(filter(None, (comm, exec_name))))
    for name, globs, values in (
        ("comm", tuple(map(cut_pattern, match.comms)), names),
        ("job_kind", match.job_kinds, (job.kind,)),
        ("job_name", match.job_names, (job.name,)),
        ("cgroup", match.cgroups, (job.cgroup,)),
        ("container", match.containers, _container_ids(given)),
        ("unit", match.units, units(given)),
    ):
        if globs and not any(fnmatchcase(value, glob) for value in values for glob in globs):
            wanted = " or ".join(globs)
            has = ", ".join(values) or "none"
            yield f"{name} is {has}, not {wanted}"


def _container_ids(cgroup: str) -> tuple[str, ...]:
    container = container_id(cgroup)
    return () if container is None else (container[:_SHORT_ID], container)
