import pytest

from ebpftrace.history.recurring import recurring_job
from ebpftrace.jobs.ci.run import run_id
from ebpftrace.jobs.identity import JobIdentity

ID, OTHER_ID = "0123456789ab" + "cdef" * 13, "fedc" * 16
SERVICE = "/system.slice/runner-1.service"
TEST = run_id("https://git.example", "acme/app", "test: [3.12]", "linux")


def job(cgroup: str = f"{SERVICE}/job-4711", recurring: str = TEST) -> JobIdentity:
    return JobIdentity("7:gitlab:1", "app#1 test", "gitlab", "", cgroup, 7, "", recurring)


def key(identity: JobIdentity, runtime: str = "") -> str:
    found = recurring_job(identity, runtime)
    assert found is not None
    return found.key


def test_two_runs_of_a_job_are_the_same_job() -> None:
    again = job(f"{SERVICE}/job-4712")._replace(
        key="8:gitlab:2", name="app#2 test", cgroup_id=8
    )
    assert key(job()) == key(again)


@pytest.mark.parametrize(
    "other",
    [
        job(recurring=run_id("https://git.example", "acme/app", "lint", "linux")),
        job(recurring=run_id("https://git.example", "acme/app", "test: [3.11]", "linux")),
        job(recurring=run_id("https://other.example", "acme/app", "test: [3.12]", "linux")),
        job("/system.slice/runner-2.service/job-4711"),
        job("/untrusted/job-4711"),
        job(f"/docker/{ID}{SERVICE}/job-4711"),
        job()._replace(kind="github"),
    ],
)
def test_another_job_or_the_same_name_in_another_place_is_another(other: JobIdentity) -> None:
    assert key(job()) != key(other)


def test_a_name_cannot_be_chosen_to_look_like_another_place() -> None:
    one = key(job(recurring=run_id("a", "b")))
    assert one != key(job(cgroup="/b/" + SERVICE, recurring=run_id("a")))


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/",
        "/4711",
        "/..",
        f"/docker/{ID}",
        f"/system.slice/docker-{ID}.scope",
        f"/kubepods/burstable/pod0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/{ID}",
        f"/kubepods.slice/kubepods-besteffort.slice/cri-containerd-{ID}.scope",
        f"/libpod_parent/libpod-{ID}",
        "/system.slice/run-u12.service",
        "/init.scope",
    ],
)
def test_a_place_that_says_nothing_has_no_past(place: str) -> None:
    assert recurring_job(job(place)) is None


def test_what_the_container_runtime_knows_makes_up_for_such_a_place() -> None:
    one, other = job(f"/docker/{ID}"), job(f"/docker/{OTHER_ID}")
    assert key(one, "image golang:1.26") == key(other, "image golang:1.26")
    assert key(one, "image golang:1.26") != key(other, "image debian:13")
    assert recurring_job(job(""), "image golang:1.26") is None


def test_a_job_without_ci_variables_is_known_by_its_place() -> None:
    found = recurring_job(job("/ci.slice/build-12", "")._replace(kind="cgroup"))
    assert found is not None
    assert (found.name, found.place) == ("/ci.slice/build-*", "/ci.slice/build-*")


def test_the_name_is_for_people() -> None:
    found = recurring_job(job())
    assert found is not None
    assert found.name == "acme/app test: [3.12] linux"
    assert found.kind == "gitlab"


def test_a_key_is_bounded() -> None:
    assert recurring_job(job("/ci/" + "x" * 4000)) is None
