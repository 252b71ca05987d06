"""The three jobs: their names, what they do, and their limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from ebpftrace.units import MIB


@dataclass(frozen=True, slots=True)
class Role:
    """One job of the demo. `variables` are those that its CI system would set."""

    name: str
    does: str
    project: str
    limit_bytes: int
    variables: Mapping[str, str]


ROLES = (
    Role(
        "steady",
        "keeps what it has",
        "acme/shop",
        256 * MIB,
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_JOB": "lint",
            "GITHUB_RUN_ID": "7001",
            "GITHUB_RUN_NUMBER": "701",
            "GITHUB_RUN_ATTEMPT": "1",
        },
    ),
    Role(
        "sawtooth",
        "fills up, then collects",
        "acme/billing",
        256 * MIB,
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/billing",
            "CI_JOB_NAME": "review",
            "CI_JOB_ID": "8002",
            "CI_PIPELINE_ID": "802",
        },
    ),
    Role(
        "leak",
        "keeps every file it has read",
        "acme/search",
        320 * MIB,
        {
            "BUILDKITE": "true",
            "BUILDKITE_ORGANIZATION_SLUG": "acme",
            "BUILDKITE_PIPELINE_SLUG": "search",
            "BUILDKITE_LABEL": "codegen",
            "BUILDKITE_BUILD_NUMBER": "903",
            "BUILDKITE_JOB_ID": "0190a0b1-0000-7000-8000-000000009003",
        },
    ),
)
