"""A job's identity: what the resolver finds, and what all other rooms know a job by."""

from typing import NamedTuple


class RunOrigin(NamedTuple):
    """What a CI run is of, in its own words: for people, and no part of the identity.

    "" for what the CI system does not say. `url` is the run's page.
    """

    repository: str = ""
    workflow: str = ""
    job: str = ""
    url: str = ""


NO_ORIGIN = RunOrigin()


class JobIdentity(NamedTuple):
    """Which job a process belongs to, and how that is known.

    `key` is unique among the jobs of a watch: the memory cgroup, and the CI run where one
    cgroup serves several in turn. `name` is short enough for a column. `restart_key` stays
    the same when the job's cgroup is removed and made again; "" if only `key` is known.
    `recurring` is the CI system's description of the job, the same in each of its runs; it is
    the job's own word, so it identifies nothing by itself. "" without a CI run.
    `place_account` is the account of the cgroup that a CI run is in; "" if the job is all of
    that cgroup.
    `given_path` is the part of `cgroup` whose names the job cannot choose, as
    `CgroupPaths.given_part` has it; "" if that is not known.
    `node` is the node it runs on, where the jobs of several nodes are shown; else "".
    """

    key: str
    name: str
    kind: str  # one of jobs.kinds.job_kinds()
    identified_by: str  # "GITHUB_RUN_ID of pid 4711", "container id in the cgroup path", …
    cgroup: str  # path within the memory hierarchy, "/" at its root
    cgroup_id: int
    restart_key: str = ""
    recurring: str = ""
    given_path: str = ""
    place_account: str = ""
    origin: RunOrigin = NO_ORIGIN
    node: str = ""

    @property
    def is_run(self) -> bool:
        """Whether it is a CI run, as its processes say, and not all of its cgroup."""
        return self.key.startswith(f"{self.cgroup_id}:")

    @property
    def accounts(self) -> tuple[str, ...]:
        """All that the end of one of its processes is charged to: a name costs nothing."""
        return (self.account, self.place_account) if self.place_account else (self.account,)

    @property
    def account(self) -> str:
        """What the job's own budget and its cool-down are kept under."""
        return self.restart_key or self.key
