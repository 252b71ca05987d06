"""Fuse events and their sentences."""

from dataclasses import replace

import pytest

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.fuse.format import (
    describe_next_steps,
    finding_of,
    first_event,
    later_event,
)
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.judge.finding import Severity
from ebpftrace.ledger import KnownProcess
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.watches import fuse_event, identity

SHARE = Fuse(0.9, True)
POLICY = Policy("bursts", Match(), (), Mode.ANY, (), fuse=SHARE)
BLOWN = FuseBlown(
    7, fuse_event().process, 4242, FuseScope.JOB, 1536 * MIB, 1843 * MIB, 1843 * MIB, 19
)
GOPLS = KnownProcess(identity(), "gopls", "", 2 * GIB)
CROSSING = "its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the limit of 2 GiB)"


def first(kind: FuseEventKind, blown: FuseBlown = BLOWN, policy: Policy = POLICY) -> FuseEvent:
    return first_event(kind, blown, GOPLS, policy, time_ns=1_007)


def later(kind: FuseEventKind, next_bound_bytes: int | None = None) -> FuseEvent:
    """Twelve seconds after the stop."""
    now_ns = BLOWN.time_ns + 12 * NS_PER_SECOND
    return later_event(
        first(FuseEventKind.STOPPED), kind, SHARE,
        now_ns=now_ns, time_ns=now_ns + 1_000, next_bound_bytes=next_bound_bytes,
    )  # fmt: skip


def test_event_of_a_stop_has_what_kernel_and_ledger_know() -> None:
    event = first(FuseEventKind.STOPPED)
    assert (event.policy, event.job, event.process) == ("bursts", identity(), BLOWN.key)
    assert (event.held_bytes, event.bound_bytes) == (1536 * MIB, 1843 * MIB)
    assert (event.limit_bytes, event.next_bound_bytes) == (2 * GIB, None)
    assert (event.monotonic_ns, event.time_ns, event.stopped_ns) == (7, 1_007, 0)
    assert event.next_steps == "SIGKILL"


def test_killed_process_has_no_next_steps() -> None:
    assert first(FuseEventKind.KILLED).next_steps == ""


def test_process_that_was_killed_since_others_resumed_it_says_so() -> None:
    event = first(FuseEventKind.KILLED, BLOWN._replace(signal=9, resumed=5))
    assert event.resumed == 5
    assert event.sentence == (
        "gopls 4711 was killed: other programs resumed it 5 times within a second; " + CROSSING
    )


def test_later_event_has_its_own_time_and_the_length_of_the_stop() -> None:
    event = later(FuseEventKind.ENDED)
    assert event.stopped_ns == 12 * NS_PER_SECOND
    assert event.monotonic_ns == 7 + 12 * NS_PER_SECOND
    assert event.time_ns == event.monotonic_ns + 1_000
    assert event.next_steps == ""
    assert (event.measured_bytes, event.comm) == (1843 * MIB, "gopls")


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (first(FuseEventKind.STOPPED), f"gopls 4711 was stopped: {CROSSING}"),
        (first(FuseEventKind.KILLED), f"gopls 4711 was killed: {CROSSING}"),
        (later(FuseEventKind.ENDED), "gopls 4711 ended 12s after it was stopped"),
        (
            later(FuseEventKind.THAWED, 1950 * MIB),
            "gopls 4711 was resumed after 12s; the next stop is at 1.9 GiB",
        ),
        (
            later(FuseEventKind.THAWED),
            "gopls 4711 was resumed after 12s; the fuse will not stop it again",
        ),
    ],
)
def test_sentences(event: FuseEvent, sentence: str) -> None:
    assert event.sentence == sentence


@pytest.mark.parametrize(
    ("scope", "usage"),
    [
        (FuseScope.PROCESS, "it holds 1.8 GiB (fuse 1.8 GiB)"),
        (FuseScope.CHARGE, "its cgroup is charged for 1.8 GiB (fuse 1.8 GiB)"),
    ],
)
def test_sentence_names_what_crossed_the_bound(scope: FuseScope, usage: str) -> None:
    policy = replace(POLICY, fuse=Fuse(1843 * MIB, False, scope))
    event = first(FuseEventKind.STOPPED, BLOWN._replace(scope=scope), policy)
    assert event.sentence == f"gopls 4711 was stopped: {usage}"


def test_next_steps_are_the_ladder_and_its_end() -> None:
    policy = replace(POLICY, ladder=(Step("capture", 1, None),))
    assert describe_next_steps(policy) == "capture, then SIGKILL"
    thaws = replace(POLICY, fuse=Fuse(0.9, True, then=FuseEnd.THAW))
    assert describe_next_steps(thaws) == "it is resumed"


def test_finding_is_about_the_job_or_one_process() -> None:
    event = first(FuseEventKind.STOPPED)
    finding = finding_of(event)
    assert (finding.detector, finding.severity) == ("fuse", Severity.CRITICAL)
    assert (finding.subject.job, finding.subject.process) == (identity(), None)
    assert finding_of(event, event).subject.process == event.process


@pytest.mark.parametrize(
    ("bound_mib", "share"),
    [
        (1843, "fuse 1.8 GiB, 90% of the limit of 2 GiB"),
        (1844, "fuse 1.8 GiB, 90% of the limit of 2 GiB"),  # rounded to pages
        (1945, "fuse 1.9 GiB, raised from 90% of the limit of 2 GiB"),
        (1600, "fuse 1.6 GiB, 90% of the limit of 2 GiB"),  # of what the processes may hold
    ],
)
def test_the_share_of_the_policy_is_not_that_of_a_raised_bound(
    bound_mib: int, share: str
) -> None:
    size = bound_mib * MIB
    event = first(FuseEventKind.STOPPED, BLOWN._replace(measured_bytes=size, bound_bytes=size))
    assert f"({share})" in event.sentence
