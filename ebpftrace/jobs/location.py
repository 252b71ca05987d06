"""Where a process runs, as its cgroup's path tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobLocation:
    """A kind of home (kubernetes, docker, systemd, …), its short name, and how it shows.

    `lasts`: what comes back under the same path is the same job in the books, though its
    cgroup is new. `home` is what a job that is started again has again; "": the path.
    """

    kind: str
    name: str
    identified_by: str
    lasts: bool = False
    home: str = ""
