"""Patterns and policies that match nothing: told with the remedy, or not at all."""

from collections.abc import Sequence

import pytest

from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.reach import unmatched_in_file, unmatched_in_watch, unmatched_names


def policy(name: str, **match: tuple[str, ...]) -> Policy:
    return Policy(name, Match(**match), (), Mode.ANY, ())


@pytest.mark.parametrize(
    ("glob", "remedy"),
    [
        ("/usr/bin/gopls", "use 'gopls', or watch by path: --exe '/usr/bin/gopls'"),
        ("*/node", "use 'node'"),
        ("typescript-language-s*", "such as 'typescript-lang*'"),
        ("*-language-server-x", "such as '*-language-serve*'"),
        ("?" * 16, "such as '" + "?" * 15 + "*'"),
    ],
)
def test_pattern_that_cannot_match_is_told_with_the_remedy(glob: str, remedy: str) -> None:
    (text,) = unmatched_names((glob, "go*", "typescript-language-server"), "--comm")
    assert text.startswith(f"--comm {glob!r} matches no process: ")
    assert remedy in text


def test_policy_that_an_earlier_one_covers_never_applies() -> None:
    policies = (
        policy("a", comms=("gopls",)),
        policy("b", comms=("gopls",), job_kinds=("github",)),
        policy("c", comms=("go*",)),
        policy("rest"),
        policy("d", comms=("node",)),
    )
    texts = list(unmatched_in_file(policies))
    assert [text.partition(":")[0] for text in texts] == [
        "policy b never applies",
        "policy d never applies",
    ]
    assert "a comes first" in texts[0]


@pytest.mark.parametrize(
    ("comms", "wanted", "matches"),
    [
        (("gopls",), ("gopls",), True),
        (("gopls",), ("node",), False),
        (("go*",), ("gopls",), True),
        (("gopls",), ("*pls",), True),
        (("node",), ("node-MainThread",), True),  # it renames itself
        (("node-MainThread",), ("node",), True),  # it was executed as node
        (("typescript-language-server",), ("typescript-lang*",), True),
        (("go?",), ("gopls",), True),  # it may have renamed itself so
        (("gopls", "node"), ("python3", "java"), False),
        ((), ("node",), True),  # by --pid, --cgroup or --exe
    ],
)
def test_policy_for_names_that_are_not_watched(
    comms: Sequence[str], wanted: tuple[str, ...], matches: bool
) -> None:
    texts = list(unmatched_in_watch((policy("p", comms=wanted),), comms))
    assert bool(texts) != matches
    assert all(f"--comm {wanted[0]!r}" in text for text in texts)
    assert not list(unmatched_in_watch((policy("p", comms=wanted),), comms, children=True))


def test_policy_whose_pattern_matches_nothing_is_told_once() -> None:
    policies = (policy("p", comms=("/usr/bin/node",)),)
    assert len(list(unmatched_in_file(policies))) == 1
    assert not list(unmatched_in_watch(policies, ("gopls",)))
