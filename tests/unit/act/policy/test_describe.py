"""Policies in words."""

from dataclasses import replace

import pytest

from ebpftrace.act.policy.describe import condition_in_words, in_words
from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseEnd, FuseResumed
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.events import FuseScope
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.conditions import condition, level

MINUTE = 60 * NS_PER_SECOND


def test_a_condition_of_a_process_and_of_a_job() -> None:
    assert condition_in_words(level(512 * MIB)) == "a job holds 512 MiB"
    assert condition_in_words(level(512 * MIB, per_process=True)) == "a process holds 512 MiB"


def test_a_policy() -> None:
    policy = Policy(
        name="p",
        match=Match(comms=("gopls", "go"), units=("ci.service",)),
        when=(condition("oom"), condition("thrash")),
        mode=Mode.ALL,
        ladder=(Step("capture", 1, None), Step("signal", 1, None)),
        for_ns=5 * NS_PER_SECOND,
        budget=Budget(2, 10 * MINUTE),
        dry_run=True,
    )
    assert dict(in_words(policy)) == {
        "match": "comm gopls or go, unit ci.service",
        "when": "the OOM killer kills a process of a job and a job thrashes at its limit, "
        "for 5.0s",
        "then": "capture, then signal (dry run: reported, not done)",
        "often": "at most 2 restarts in 10m00s, 1m00s rest after an incident, no process "
        "younger than 10s unless its limit comes first",
    }
    assert dict(in_words(Policy("p", Match(), (condition("oom"),), Mode.ANY, ())))["match"] == (
        "every watched process"
    )


@pytest.mark.parametrize(
    ("fuse", "words"),
    [
        (
            Fuse(0.9, True),
            "stopped by the kernel when its job holds 90% of its limit; SIGKILL after the "
            "ladder",
        ),
        (
            Fuse(GIB, False, FuseScope.PROCESS, then=FuseEnd.THAW),
            "stopped by the kernel when it holds 1.0 GiB; resumed after the ladder",
        ),
        (
            Fuse(GIB, False, resumed=FuseResumed.KILL),
            "stopped by the kernel when its job holds 1.0 GiB; SIGKILL after the ladder; "
            "killed if others resume it five times within a second",
        ),
        (
            Fuse(0.5, True, FuseScope.CHARGE, FuseAction.KILL),
            "killed by the kernel when its cgroup is charged for 50% of its limit",
        ),
    ],
)
def test_fuses(fuse: Fuse, words: str) -> None:
    policy = Policy("p", Match(), (), Mode.ANY, (Step("capture", 1, None),), fuse=fuse)
    words_of = dict(in_words(policy))
    assert words_of["fuse"] == words
    assert words_of["when"] == "its fuse blows"
    assert words_of["often"] == "at most 3 restarts in 10m00s"
    both = dict(in_words(replace(policy, when=(condition("oom"),))))
    assert both["often"].endswith("comes first; the fuse respects only the restarts")
