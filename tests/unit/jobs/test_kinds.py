"""A CI system is added in one place: its row, or its class in systems.py."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ebpftrace.jobs
from ebpftrace.act.policy.keys import JOB_KINDS, job_kind_globs
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.jobs import JobResolver, containers
from ebpftrace.jobs.ci import CI_SYSTEMS
from ebpftrace.jobs.ci.variables import CiVariables, number, text
from ebpftrace.jobs.kinds import job_kinds
from tests.support.fakeroot import FakeRoot

DOCS = (Path(__file__).parents[3] / "docs/watch.md").read_text()
ADDED = CiVariables(
    kind="exampleci",
    marker="EXAMPLECI",
    build=number("EXAMPLECI_BUILD_ID"),
    project=text("EXAMPLECI_REPO"),
    agents=("exampleci-build-agent",),
)
SYSTEMS = (*CI_SYSTEMS, ADDED)


def kinds_of_locations() -> Iterator[str]:
    """From the source: the constants given as JobLocation's first argument."""
    for file in Path(ebpftrace.jobs.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name("JobLocation"), args=[ast.Constant(str() as kind), *_]
                ):
                    yield kind
    yield from containers.KINDS


def test_kinds_are_those_of_all_systems_and_all_locations() -> None:
    systems = {system.kind for system in CI_SYSTEMS}
    assert set(job_kinds()) == systems | set(kinds_of_locations())
    assert len(job_kinds()) == len(set(job_kinds()))


def test_policies_know_every_kind() -> None:
    assert job_kinds() == JOB_KINDS


def test_docs_list_every_kind() -> None:
    section = DOCS.partition("## How a job is identified")[2].partition("\n## ")[0]
    for system in CI_SYSTEMS:
        assert f"\n| `{system.kind}` |" in section
    assert set(re.findall(r"`([a-z-]+)`", section)) == {
        "kind",
        *job_kinds(),
    }


def test_one_row_adds_a_ci_system(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.mounts("/ /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    fake.folder("/sys/fs/cgroup", cgroup__controllers="memory\n")
    number = fake.folder("/sys/fs/cgroup/job").stat().st_ino
    variables = {"EXAMPLECI": "True", "EXAMPLECI_BUILD_ID": "7", "EXAMPLECI_REPO": "a/b"}
    fake.process(10, environ=variables, comm="make")
    fake.process(11, 10)
    fake.process(20, environ=variables, comm="exampleci-build-agent"[:15])
    resolver = JobResolver(CgroupPaths(memory_hierarchy(tmp_path)), tmp_path, SYSTEMS)

    job = resolver.resolve(11, number)
    assert (job.kind, job.name) == ("exampleci", "a/b#7")
    assert job.identified_by == "EXAMPLECI_BUILD_ID of pid 11's ancestor 10"
    assert resolver.resolve(20, number).kind == "cgroup", "an agent is not a job"

    key = job_kind_globs(job_kinds(SYSTEMS))
    assert "exampleci" in key.expected
    assert key.read(["exam*"]) == ("exam*",)
    with pytest.raises(ValueError):
        job_kind_globs(JOB_KINDS).read(["exam*"])
