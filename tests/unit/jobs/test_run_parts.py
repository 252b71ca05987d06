import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.jobs.run_parts import without_run_parts

ID = "0123456789ab" + "cdef" * 13


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/ci/build-4711", "/ci/build-*"),
        ("/ci/build4711/step2", "/ci/build*/step2"),
        ("/ci/7", "/ci/*"),
        (f"/docker/{ID}", "/docker/*"),
        (f"/system.slice/docker-{ID}.scope", "/system.slice/docker-*.scope"),
        (f"/k.slice/x.slice:cri-containerd:{ID}", "/k.slice/x.slice:cri-containerd:*"),
        (
            f"/kubepods/burstable/pod0f1e2d3c-aaaa-bbbb-cccc-0123456789ab/{ID}",
            "/kubepods/burstable/pod*/*",
        ),
        (
            "/kubepods.slice/kubepods-pod0f1e2d3c_aaaa_bbbb_cccc_0123456789ab.slice",
            "/kubepods.slice/kubepods-pod*.slice",
        ),
        ("/system.slice/run-u123.service", "/system.slice/run-*.service"),
        ("/system.slice/run-r0a1b2c3d4e5f60718293a4b5c6d7e8f9.scope",
         "/system.slice/run-*.scope"),
        ("/system.slice/run-p811-i17.scope", "/system.slice/run-*.scope"),
        ("/system.slice/ci-job@4711.service", "/system.slice/ci-job@*.service"),
        ("/system.slice/actions.runner.acme-app.node-2.service",
         "/system.slice/actions.runner.acme-app.node-2.service"),
        ("/system.slice/runner-2.service/job-99", "/system.slice/runner-2.service/job-*"),
        ("/system.slice/postgresql-15.service", "/system.slice/postgresql-15.service"),
        ("/user.slice/user-1000.slice/session-3.scope",
         "/user.slice/user-1000.slice/session-*.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice",
         "/user.slice/user-1000.slice/user@1000.service/app.slice"),
        ("lint-run-x7k2p", "lint-run-*"),
        ("/amd64/py3", "/amd64/py3"),
        ("/", "/"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_differs_from_run_to_run_is_left_out(text: str, expected: str) -> None:
    assert without_run_parts(text) == expected


@given(st.text(alphabet="abc019-_.@/:", max_size=60))
def test_it_stays_as_it_is_the_second_time(text: str) -> None:
    once = without_run_parts(text)
    assert without_run_parts(once) == once
    assert once.count("/") == text.count("/")
