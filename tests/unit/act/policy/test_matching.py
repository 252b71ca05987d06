"""Which policy takes a process, and why the others do not."""

import pytest

from ebpftrace.act.policy.matching import agrees, comms_to_watch, explain, policy_for
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.jobs.identity import JobIdentity
from tests.support.conditions import condition

CONTAINER = "3f1c" * 16
JOB = JobIdentity(
    key="k",
    name="acme/shop#701 lint",
    kind="github",
    identified_by="GITHUB_RUN_ID of pid 1",
    cgroup=f"/system.slice/ci.service/docker/{CONTAINER}",
    cgroup_id=7,
)


def policy(name: str, match: Match) -> Policy:
    return Policy(name, match, (condition("oom"),), Mode.ANY, ())


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(comms=("gopls",)),
        Match(comms=("go", "gop*")),
        Match(job_kinds=("git*",), job_names=("acme/*",)),
        Match(cgroups=("/system.slice/*",)),
        Match(containers=("3f1c3f1c3f1c",)),
        Match(containers=(CONTAINER,)),
        Match(containers=("3f1c*",)),
        Match(units=("ci.service",)),
        Match(units=("system.slice",)),
    ],
)
def test_what_agrees(match: Match) -> None:
    assert agrees(match, "gopls", JOB)


@pytest.mark.parametrize(
    ("match", "reasons"),
    [
        (Match(comms=("go", "Gopls")), ("comm is gopls, not go or Gopls",)),
        (Match(comms=("gopls",), job_kinds=("gitlab",)), ("job_kind is github, not gitlab",)),
        (Match(cgroups=("/system.slice",)),
         (f"cgroup is /system.slice/ci.service/docker/{CONTAINER}, not /system.slice",)),
        (Match(job_names=("x",), units=("*.scope",)),
         ("job_name is acme/shop#701 lint, not x",
          "unit is system.slice, ci.service, not *.scope")),
        (Match(containers=("aa*",)),
         (f"container is {CONTAINER[:12]}, {CONTAINER}, not aa*",)),
    ],
)  # fmt: skip
def test_a_mismatch_has_its_reason(match: Match, reasons: tuple[str, ...]) -> None:
    assert not agrees(match, "gopls", JOB)
    (answer,) = explain((policy("p", match),), "gopls", JOB)
    assert (answer.applies, answer.reasons, answer.earlier) == (False, reasons, "")


def test_names_that_a_user_chose_below_a_delegated_cgroup_match_nothing() -> None:
    given = f"/system.slice/ci.service/docker/{CONTAINER}"
    chosen = f"{given}/docker/{'ab12' * 16}/prod.service"
    job = JOB._replace(cgroup=chosen, given_path=given)
    assert agrees(Match(containers=(CONTAINER,), units=("ci.service",)), "gopls", job)
    assert not agrees(Match(containers=("ab12*",)), "gopls", job)
    assert not agrees(Match(units=("prod.service",)), "gopls", job)


def test_a_job_without_container_or_unit_has_none() -> None:
    bare = JobIdentity("k", "n", "cgroup", "path", "/ci", 7)
    match = Match(containers=("*",), units=("*",))
    (answer,) = explain((policy("p", match),), "gopls", bare)
    assert answer.reasons == ("container is none, not *", "unit is none, not *")


def test_a_plain_name_is_cut_as_the_kernel_cuts_it() -> None:
    assert agrees(Match(comms=("gitlab-runner-helper",)), "gitlab-runner-h", JOB)
    assert not agrees(Match(comms=("gitlab-runner-helper*",)), "gitlab-runner-h", JOB)


def test_the_first_match_applies_and_the_others_have_reasons() -> None:
    policies = (
        policy("other", Match(comms=("go",))),
        policy("first", Match(comms=("gopls",))),
        policy("rest", Match()),
    )
    taken = policy_for(policies, "gopls", JOB)
    assert taken is policies[1]
    answers = explain(policies, "gopls", JOB)
    assert [(one.applies, one.earlier) for one in answers] == [
        (False, ""), (True, ""), (False, "first"),
    ]  # fmt: skip
    assert policy_for(policies[:1], "gopls", JOB) is None


def test_a_watch_without_selectors_watches_the_names_of_its_policies() -> None:
    go = policy("a", Match(comms=("go", "compile")))
    link = policy("b", Match(comms=("go", "link")))
    rest = policy("c", Match(cgroups=("/ci/*",)))
    assert comms_to_watch((go, link), ("gopls",)) == ("go", "compile", "link")
    assert comms_to_watch((go, rest), ("gopls",)) == ("go", "compile", "gopls")
    assert comms_to_watch((), ("gopls",)) == ("gopls",)


def test_name_at_exec_counts_as_well_as_the_name_now() -> None:
    node = policy("node", Match(comms=("node",)))
    assert policy_for((node,), "node-MainThread", JOB) is None
    assert policy_for((node,), "node-MainThread", JOB, "node") is node
    assert policy_for((node,), "node", JOB, "nodejs") is node
    (answer,) = explain((node,), "MainThread", JOB, "deno")
    assert answer.reasons == ("comm is MainThread, deno, not node",)
