import os
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


def test_ci_variables_name_the_job_and_its_cgroup_is_part_of_the_key(machine: Machine) -> None:
    number = machine.cgroup(f"/docker/{ID}")
    machine.fake.process(10, environ=GITHUB)
    job = machine.resolver.resolve(10, number)
    assert (job.kind, job.name) == ("github", "org/repo#7 test")
    assert job.identified_by == "GITHUB_RUN_ID of pid 10"
    assert job.cgroup == f"/docker/{ID}"
    assert job.cgroup_id == number
    assert job.key.startswith(f"{number}:github:99/")


def test_the_kubernetes_api_names_a_pod_by_its_uid(machine: Machine) -> None:
    uid = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab"
    number = machine.cgroup(f"/kubepods/burstable/pod{uid}/{ID}")
    machine.fake.process(10, environ={})
    known = {uid: "build-1"}
    resolver = JobResolver(
        machine.paths, machine.resolver._root, pod_name=lambda it: known.get(it, "")
    )
    assert resolver.resolve(10, number).name == "build-1"
    known.clear()
    assert resolver.resolve(10, number).name == "pod 0e0b6a9c"


def test_cgroup_without_a_process_is_the_job_of_its_path(machine: Machine) -> None:
    paths = (f"/docker/{ID}", "/system.slice/x.service", "/ci/a")
    ids = [machine.cgroup(path) for path in paths]
    container, unit, group = map(machine.resolver.of_cgroup, ids)
    assert (container.kind, container.cgroup) == ("docker", f"/docker/{ID}")
    assert (unit.kind, unit.key) == ("systemd", "systemd:/system.slice/x.service")
    assert (group.kind, group.name, group.key) == ("cgroup", "ci/a", str(ids[2]))
    assert machine.resolver.of_cgroup(1 << 50).name == f"cgroup {1 << 50}"


def test_identified_by_names_the_ancestor(machine: Machine) -> None:
    number = machine.cgroup("/job")
    machine.fake.process(10, environ=GITHUB)
    machine.fake.process(11, 10)
    job = machine.resolver.resolve(11, number)
    assert job.identified_by == "GITHUB_RUN_ID of pid 11's ancestor 10"


def test_successive_jobs_and_matrix_legs_in_one_cgroup_differ(
    machine: Machine,
) -> None:
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


def test_processes_of_one_job_share_its_key(machine: Machine) -> None:
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
def test_cgroup_path_identifies_a_job_without_variables(
    machine: Machine, path: str, kind: str, name: str
) -> None:
    number = machine.cgroup(path)
    machine.fake.process(10)
    job = machine.resolver.resolve(10, number)
    key = f"systemd:{path}" if path.endswith(".service") else str(number)
    assert (job.kind, job.name, job.key) == (kind, name, key)


@pytest.mark.parametrize(
    "path", [f"/docker/{ID}", "/system.slice/run-1.scope", "/ci/build42", "/a.service"]
)
@pytest.mark.parametrize("environ", [{}, GITHUB], ids=["plain", "run"])
def test_job_in_a_recreated_cgroup_keeps_its_account(
    machine: Machine, path: str, environ: dict[str, str]
) -> None:
    machine.fake.process(10, environ=environ, cgroup=f"0::{path}")
    first = machine.resolver.resolve(10, machine.cgroup(path))
    folder = machine.fake.root / "sys/fs/cgroup" / path.strip("/")
    folder.rename(folder.parent / "before")  # so that the next one gets another inode
    again = machine.resolver.resolve(10, machine.cgroup(path))
    assert again.cgroup_id != first.cgroup_id
    assert again.account == first.account
    machine.fake.process(11, environ=environ, cgroup=f"0::{path[:-1]}0")
    other = machine.resolver.resolve(11, machine.cgroup(f"{path[:-1]}0"))
    assert other.account != first.account


def test_run_in_another_cgroup_has_another_account(machine: Machine) -> None:
    """A process chooses its environment; the path keeps it off another job's account."""
    one, two = machine.cgroup("/one"), machine.cgroup("/two")
    machine.fake.process(10, environ=GITHUB)
    machine.fake.process(11, environ=GITHUB | {"GITHUB_RUN_ID": "100"})
    accounts = {
        machine.resolver.resolve(pid, number).account
        for pid in (10, 11)
        for number in (one, two)
    }
    assert len(accounts) == 4


def test_runs_of_one_cgroup_share_its_account(machine: Machine) -> None:
    one, two = machine.cgroup("/one"), machine.cgroup("/two")
    machine.fake.process(10, environ=GITHUB)
    machine.fake.process(11, environ=GITHUB | {"GITHUB_RUN_ID": "100"})
    machine.fake.process(12)
    for number, shared in ((one, "cgroup:/one"), (two, "cgroup:/two")):
        first, second, plain = (machine.resolver.resolve(pid, number) for pid in (10, 11, 12))
        assert first.accounts == (first.account, shared)
        assert second.accounts == (second.account, shared)
        assert plain.accounts == (shared,)
    removed = machine.resolver.resolve(10, 424242)
    assert removed.accounts == (removed.key, "424242")


def test_container_restarted_by_the_kubelet_keeps_its_account(machine: Machine) -> None:
    """Its id and its path change, and its first process does not have its mounts yet."""
    uid = "12345678-9abc-def0-1234-56789abcdef0"
    accounts = []
    for pid, (container, name) in enumerate(
        [("a" * 64, "go"), ("b" * 64, "go"), ("c" * 64, "lint"), ("d" * 64, "")], 10
    ):
        path = f"/kubepods/pod{uid}/{container}"
        number = machine.cgroup(path)
        root = f"/var/lib/kubelet/pods/{uid}/containers/{name}/5d1f"
        machine.fake.process(pid, cgroup=f"0::{path}")
        machine.fake.mounts_of(
            pid, *([f"{root} /dev/termination-log rw - ext4 /dev/vda1 rw"] if name else [])
        )
        accounts.append(machine.resolver.resolve(pid, number).account)
    assert set(accounts) == {f"kubernetes:{uid}"}


CONTAINER = f"docker/{'b' * 64}"
POD = f"kubepods/burstable/pod{'0' * 32}/{ID}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(
    ("given", "below", "kind", "name"),
    [
        ("/ci/job", "", "cgroup", "ci/job"),
        ("/ci/job", "a", "cgroup", "ci/job/a (uid 4711)"),
        ("/ci/job", POD, "container", "container aaaaaaaaaa… (uid 4711)"),
        ("/ci/job", f"x-{POD}", "container", "container aaaaaaaaaa… (uid 4711)"),
        ("/ci/job", CONTAINER, "docker", "docker bbbbbbbbbbbb (uid 4711)"),
        ("/ci/job", "victim.service", "systemd", "victim.service (uid 4711)"),
        (f"/docker/{ID}", "", "docker", "docker aaaaaaaaaaaa"),
        (f"/docker/{ID}", CONTAINER, "docker", "docker aaaaaaaaaaaa (uid 4711)"),
        (f"/docker/{ID}", "victim.service", "docker", "docker aaaaaaaaaaaa (uid 4711)"),
        (f"/docker/{ID}", f"kubelet/{POD}", "docker", "docker aaaaaaaaaaaa (uid 4711)"),
        (f"/{POD}", CONTAINER, "kubernetes", "pod 00000000 (uid 4711)"),
        ("/user.slice/user@1.service", "x.scope", "systemd", "x.scope (uid 4711)"),
        ("/a.service", "x" * 40, "systemd", f"a.service/{'x' * 10}… (uid 4711)"),
    ],
)
def test_name_below_a_delegated_cgroup_says_whose_it_is(
    machine: Machine, given: str, below: str, kind: str, name: str
) -> None:
    path = f"{given}/{below}".rstrip("/")
    number = machine.cgroup(path)
    os.chown(machine.fake.root / "sys/fs/cgroup" / given.strip("/"), 4711, 4711)
    machine.fake.process(10, cgroup=f"0::{path}")
    job = machine.resolver.resolve(10, number)
    assert (job.kind, job.name, job.given_path) == (kind, name, given)
    assert ("uid 4711" in job.identified_by) is bool(below)
    assert kind == "kubernetes" or job.account == f"{kind}:{path}"
    assert not below or job.key == str(number)


def test_ended_process_falls_back_to_its_parent_then_to_the_cgroup(machine: Machine) -> None:
    number = machine.cgroup("/job")
    machine.fake.process(10, environ=GITHUB)
    assert machine.resolver.resolve(11, number, 10).kind == "github"
    assert machine.resolver.resolve(11, number, 12).kind == "cgroup"


def test_cgroup_removed_before_its_path_was_read(machine: Machine) -> None:
    job = machine.resolver.resolve(11, 424242)
    assert (job.kind, job.name, job.cgroup, job.key) == (
        "cgroup",
        "cgroup 424242",
        "",
        "424242",
    )
    assert job.account == job.key


def test_path_of_another_cgroup_is_not_used(machine: Machine) -> None:
    machine.cgroup("/now-here")
    machine.fake.process(10, cgroup="0::/now-here")
    assert machine.resolver.resolve(10, 424242).cgroup == ""


def test_path_outside_the_cgroup_namespace_is_used(machine: Machine) -> None:
    machine.fake.process(10, cgroup=f"0::/../docker-{ID}.scope")
    job = machine.resolver.resolve(10, 424242)
    assert (job.kind, job.cgroup) == ("docker", f"/../docker-{ID}.scope")


def test_path_from_proc_is_cleaned(machine: Machine) -> None:
    machine.fake.process(10, cgroup="0::/../evil\x1b[2J")
    assert machine.resolver.resolve(10, 424242).cgroup == "/../evil\\x1b[2J"


def test_names_are_printable(machine: Machine) -> None:
    number = machine.cgroup("/evil\x1b[2J")
    machine.fake.process(10)
    machine.fake.process(11, environ={**GITHUB, "GITHUB_JOB": "\x1b]0;x\x07\n"})
    for pid in (10, 11):
        job = machine.resolver.resolve(pid, number)
        assert all(text.isprintable() for text in (job.key, job.name, job.cgroup))
