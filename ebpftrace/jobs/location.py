"""Where a process runs, as the path of its cgroup shows it."""

from typing import NamedTuple

from ebpftrace.jobs.ci.run import NAME_WIDTH
from ebpftrace.text import clean


class JobLocation(NamedTuple):
    """A container, pod, unit or cgroup: its kind, its short name, and how it was found.

    `same_job_after_restart`: a new cgroup under the same path is the same job to the
    ledger. `restart_id` identifies the job over restarts; "": the path does.
    """

    kind: str
    name: str
    identified_by: str
    same_job_after_restart: bool = False
    restart_id: str = ""


def chosen_below(location: JobLocation, given: str, owner: int) -> JobLocation:
    """The location of a cgroup below `given`, which was delegated to a user.

    What is below has a name that this user chose, so the user's id is part of it. It is no
    job of its own over a restart: that is known by its whole path.
    """
    mark = f" (uid {owner})"
    return location._replace(
        name=clean(location.name, NAME_WIDTH - len(mark)) + mark,
        identified_by=f"{location.identified_by}, below {given}, which uid {owner} owns",
        same_job_after_restart=False,
    )
