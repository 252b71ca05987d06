"""Which runs are of the same job.

A CI job's name is its own word: any process can set the variables of another job. So the
name never counts alone. Where the job's memory cgroup is belongs to the key: that place is
chosen by what started the job, and the job can only go below it. A place that every job of
a node has (Docker's and the kubelet's cgroups, the root) says nothing: then what the
container runtime knows of the container (its image, its pod) has to be given, or the job
has no past.
"""

import re
from typing import NamedTuple

from ebpftrace.jobs.ci.run import run_id
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.run_parts import without_run_parts

_MAX_KEY = 2048  # characters; a job with a longer one has no past
_TOKEN = re.compile(r"[0-9A-Za-z]+")
_IN_EVERY_PLACE = frozenset(
    (
        *("docker", "dockerd", "containerd", "cri", "crio", "nerdctl", "podman", "libpod"),
        *("payload", "parent", "conmon", "container", "containers", "buildkit", "lxc", "ecs"),
        *("kubepods", "kubelet", "kubernetes", "burstable", "besteffort", "guaranteed", "pod"),
        *("slice", "service", "scope", "system", "user", "machine", "init", "session", "app"),
        "run",
    )
)
"""The words of container runtimes, of the kubelet and of systemd itself."""


class RecurringJob(NamedTuple):
    """A job over all of its runs. `key` identifies it, `name` is for people."""

    key: str
    name: str
    kind: str  # one of jobs.kinds.job_kinds()
    place: str  # the path of its memory cgroup, `*` for what differs from run to run


def recurring_job(job: JobIdentity, runtime: str = "") -> RecurringJob | None:
    """The job over all of its runs; None if there is nothing that could tell it from others.

    `runtime` is what the container runtime knows of its container, "" if that is not known.
    """
    if not job.cgroup:
        return None  # removed before its path was read
    place = without_run_parts(job.cgroup)
    if not runtime and not _says_something(place):
        return None
    key = run_id(job.kind, job.recurring, place, runtime)
    if len(key) > _MAX_KEY:
        return None
    name = _for_people(job.recurring) or runtime or place
    return RecurringJob(key, name, job.kind, place)


def _says_something(place: str) -> bool:
    words = (token.lower() for token in _TOKEN.findall(place))
    return any(word not in _IN_EVERY_PLACE for word in words)


def _for_people(recurring: str) -> str:
    """`acme/app CI test`: the parts that `run_id` joined, without the server's URL."""
    parts = (part.replace("%2F", "/").replace("%25", "%") for part in recurring.split("/"))
    return " ".join(part for part in parts if part and "://" not in part)


def place_parts(key: str) -> tuple[str, ...]:
    """Where the jobs with this key are: the cgroups of their path, then of which container."""
    _kind, _recurring, place, runtime = (*key.split("/"), "", "", "", "")[:4]
    path = place.replace("%2F", "/").strip("/").split("/")
    return (*path, runtime) if place or runtime else ()
