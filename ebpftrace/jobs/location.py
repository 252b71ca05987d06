"""Where a process runs, as the path of its cgroup shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobLocation:
    """A container, pod, unit or cgroup: its kind, its short name, and how it was found.

    `same_job_after_restart`: a new cgroup under the same path is the same job to the
    ledger. `restart_id` identifies the job over restarts; "": the path does.
    """

    kind: str
    name: str
    identified_by: str
    same_job_after_restart: bool = False
    restart_id: str = ""
