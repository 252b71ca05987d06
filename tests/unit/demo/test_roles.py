"""The three jobs of the demo."""

from ebpftrace.demo.roles import ROLES
from ebpftrace.demo.standin import STEPS


def test_stand_in_has_every_role() -> None:
    assert [role.name for role in ROLES] == list(STEPS)


def test_each_role_has_another_ci_system() -> None:
    marks = {"GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE"}
    assert [sorted(marks & role.variables.keys()) for role in ROLES] == [
        ["GITHUB_ACTIONS"],
        ["GITLAB_CI"],
        ["BUILDKITE"],
    ]
