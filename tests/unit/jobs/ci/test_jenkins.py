from ebpftrace.jobs.ci.jenkins import Jenkins
from ebpftrace.jobs.ci.run import CiProcess, CiRun
from tests.support.environs import environ

ENVIRON = {
    "BUILD_NUMBER": "153",
    "JOB_NAME": "folder/app",
    "BUILD_TAG": "jenkins-folder-app-153",
    "JENKINS_URL": "http://ci.example/",
}


def identify(**changes: str | None) -> CiRun | None:
    return Jenkins().identify(CiProcess("make", environ(ENVIRON, **changes)))


def test_build_number_alone_is_not_jenkins() -> None:
    assert identify(BUILD_TAG="", JENKINS_URL=None) is None


def test_either_the_tag_or_the_url_identifies_jenkins() -> None:
    assert identify(JENKINS_URL=None) is not None
    assert identify(BUILD_TAG=None) is not None


def test_name_of_the_agent_is_no_label_of_the_job() -> None:
    left = identify(NODE_NAME="agent-1", NODE_LABELS="agent-1 linux big")
    right = identify(NODE_NAME="agent-2", NODE_LABELS="big agent-2 linux")
    assert left is not None
    assert right is not None
    assert left.recurring == right.recurring


def test_controllers_without_an_url_differ_by_their_home() -> None:
    runs = [identify(JENKINS_URL=None, JENKINS_HOME=f"/srv/{name}") for name in ("a", "b")]
    assert runs[0] is not None
    assert runs[1] is not None
    assert runs[0].run != runs[1].run
