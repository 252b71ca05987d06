"""The words for one that a fuse stopped."""

from dataclasses import replace

import pytest

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.format import finding_of, next_in_words, sentence
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.judge.finding import Severity
from ebpftrace.units import MIB
from tests.support.watches import fuse_event, identity

SHARE = Fuse(0.9, True)
EVENT = FuseBlown(
    7, fuse_event().process, 4242, FuseScope.JOB, 1536 * MIB, 1843 * MIB, 1843 * MIB, 19
)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            FuseEventKind.STOPPED,
            "gopls 4711 stands: its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the limit of "
            "2 GiB)",
        ),
        (
            FuseEventKind.KILLED,
            "gopls 4711 was killed: its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the limit of "
            "2 GiB)",
        ),
        (FuseEventKind.ENDED, "gopls 4711 ended after it had stood for 12s"),
        (FuseEventKind.THAWED, "gopls 4711 goes on after it stood for 12s; no stop is left"),
    ],
)
def test_sentences(word: FuseEventKind, told: str) -> None:
    assert sentence(fuse_event(word), SHARE, EVENT) == told


def test_where_it_is_stopped_next() -> None:
    news = fuse_event(FuseEventKind.THAWED, next_bound_bytes=1950 * MIB)
    assert sentence(news, SHARE, EVENT).endswith("the next stop is at 1.9 GiB")


def test_what_comes_next() -> None:
    policy = Policy("p", Match(), (), Mode.ANY, (Step("capture", 1, None),), fuse=SHARE)
    assert next_in_words(policy) == "capture, then SIGKILL"
    thaws = replace(policy, fuse=Fuse(0.9, True, then=FuseEnd.THAW), ladder=())
    assert next_in_words(thaws) == "it goes on"


def test_the_finding_is_of_the_job_or_of_one() -> None:
    news = fuse_event()
    finding = finding_of(news, EVENT)
    assert (finding.detector, finding.severity) == ("fuse", Severity.CRITICAL)
    assert (finding.subject.job, finding.subject.process) == (identity(), None)
    assert finding_of(news, EVENT, news).subject.process == news.process
