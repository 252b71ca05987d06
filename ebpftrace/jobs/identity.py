"""A job's identity: what its resolvers find, and what books, judgement and acts know it by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """Which job a process belongs to, and how that is known.

    `key` tells jobs apart (the memory cgroup, and the CI run where one cgroup serves
    several in turn); `name` is short enough for a column. `lasting` tells them apart too,
    by what stays when the cgroup is made anew under its path; "": nothing but `key` does.
    """

    key: str
    name: str
    kind: str  # github, gitlab, …, kubernetes, docker, podman, systemd, cgroup, host
    identified_by: str  # "GITHUB_RUN_ID of pid 4711", "container id in the cgroup path", …
    cgroup: str  # path within the memory hierarchy, "/" at its root
    cgroup_id: int
    lasting: str = ""

    @property
    def account(self) -> str:
        """What its budget and its cool-down are kept by."""
        return self.lasting or self.key
