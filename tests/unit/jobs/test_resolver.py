from pathlib import Path

import pytest

from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.jobs import JobResolver
from tests.support.fakeroot import FakeRoot

ID = "a" * 64
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_JOB": "test",
    "GITHUB_REPOSITORY": "org/repo",
    "RUNNER_TRACKING_ID": "github_one",
}


class Machine:
    """A fake v2 machine: cgroups below sys/fs/cgroup, processes below proc."""

    def __init__(self, root: Path) -> None:
        self.fake = FakeRoot(root)
        self.fake.mounts("/ /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
        self.fake.folder("/sys/fs/cgroup", cgroup__controllers="memory\n")
        self.paths = CgroupPaths(memory_hierarchy(root))
        self.resolver = JobResolver(self.paths, root)

    def cgroup(self, path: str) -> int:
        return self.fake.folder(f"/sys/fs/cgroup{path}").stat().st_ino


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_ci_variables_name_the_job_and_the_cgroup_stays_in_the_key(machine: Machine) -> None:
    number = machine.cgroup(f"/docker/{ID}")
    machine.fake.process(10, environ=GITHUB)
    job = machine.resolver.resolve(10, number)
    assert (job.kind, job.name) == ("github", "org/repo#7 test")
    assert job.identified_by == "GITHUB_RUN_ID of pid 10"
    assert job.cgroup == f"/docker/{ID}"
    assert job.cgroup_id == number
    assert job.key.startswith(f"{number}:github:99/")


def test_an_ancestors_variables_are_told_as_such(machine: Machine) -> None:
    number = machine.cgroup("/job")
    machine.fake.process(10, environ=GITHUB)
    machine.fake.process(11, 10)
    job = machine.resolver.resolve(11, number)
    assert job.identified_by == "GITHUB_RUN_ID of pid 11's ancestor 10"


def test_successive_jobs_of_one_cgroup_and_legs_of_a_matrix_are_apart(machine: Machine) -> None:
    number = machine.cgroup("/system.slice/runner.service")
    changes = [
        {},
        {"GITHUB_RUN_ID": "100"},
        {"GITHUB_RUN_ATTEMPT": "2"},
        {"GITHUB_JOB": "lint"},
        {"RUNNER_TRACKING_ID": "github_two"},
    ]
    keys = set()
    for pid, change in enumerate(changes, start=10):
        machine.fake.process(pid, environ={**GITHUB, **change})
        keys.add(machine.resolver.resolve(pid, number).key)
    assert len(keys) == len(changes)


def test_two_processes_of_one_job_share_its_key(machine: Machine) -> None:
    number = machine.cgroup("/job")
    machine.fake.process(10, environ=GITHUB)
    machine.fake.process(11, 10)
    assert machine.resolver.resolve(10, number).key == machine.resolver.resolve(11, number).key


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        (f"/kubepods/pod{'0' * 32}/{ID}", "kubernetes", "pod 00000000"),
        (f"/system.slice/docker-{ID}.scope", "docker", "docker aaaaaaaaaaaa"),
        ("/system.slice/ssh.service", "systemd", "ssh.service"),
        ("/jobs/a", "cgroup", "jobs/a"),
    ],
)
def test_without_variables_the_path_tells(
    machine: Machine, path: str, kind: str, name: str
) -> None:
    number = machine.cgroup(path)
    machine.fake.process(10)
    job = machine.resolver.resolve(10, number)
    lasting = f"systemd:{path}" if path.endswith(".service") else str(number)
    assert (job.kind, job.name, job.key) == (kind, name, lasting)


def test_a_process_gone_falls_back_to_parent_then_cgroup(machine: Machine) -> None:
    number = machine.cgroup("/job")
    machine.fake.process(10, environ=GITHUB)
    assert machine.resolver.resolve(11, number, 10).kind == "github"
    assert machine.resolver.resolve(11, number, 12).kind == "cgroup"


def test_a_cgroup_removed_before_its_path_was_known(machine: Machine) -> None:
    job = machine.resolver.resolve(11, 424242)
    assert (job.kind, job.name, job.cgroup, job.key) == (
        "cgroup",
        "cgroup 424242",
        "",
        "424242",
    )


def test_a_path_of_another_cgroup_is_not_taken_for_it(machine: Machine) -> None:
    machine.cgroup("/now-here")
    machine.fake.process(10, cgroup="0::/now-here")
    assert machine.resolver.resolve(10, 424242).cgroup == ""


def test_a_namespace_that_hides_the_cgroup_still_gives_its_path(machine: Machine) -> None:
    machine.fake.process(10, cgroup=f"0::/../docker-{ID}.scope")
    job = machine.resolver.resolve(10, 424242)
    assert (job.kind, job.cgroup) == ("docker", f"/../docker-{ID}.scope")


def test_a_path_read_from_proc_is_clean_too(machine: Machine) -> None:
    machine.fake.process(10, cgroup="0::/../evil\x1b[2J")
    assert machine.resolver.resolve(10, 424242).cgroup == "/../evil\\x1b[2J"


def test_names_from_strangers_are_clean(machine: Machine) -> None:
    number = machine.cgroup("/evil\x1b[2J")
    machine.fake.process(10)
    machine.fake.process(11, environ={**GITHUB, "GITHUB_JOB": "\x1b]0;x\x07\n"})
    for pid in (10, 11):
        job = machine.resolver.resolve(pid, number)
        assert all(text.isprintable() for text in (job.key, job.name, job.cgroup))
