"""What the kernel's event and the books make of one that a fuse stopped."""

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.news import first_news, later_news
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.ledger import KnownProcess
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.watches import identity, process

FUSE = Fuse(GIB, False)
POLICY = Policy("bursts", Match(), (), Mode.ANY, (), fuse=FUSE)
EVENT = FuseBlown(
    7, process().key, identity().cgroup_id, FuseScope.JOB, 600 * MIB, GIB, GIB, 19
)
WHO = KnownProcess(identity(), "gopls", "", 2 * GIB)


def test_it_says_who_was_stopped_and_what_comes_next() -> None:
    news = first_news(FuseEventKind.STOPPED, EVENT, WHO, POLICY, time_ns=1_007)
    assert (news.policy, news.job, news.process) == ("bursts", identity(), EVENT.key)
    assert (news.held_bytes, news.bound_bytes, news.limit_bytes) == (600 * MIB, GIB, 2 * GIB)
    assert (news.monotonic_ns, news.time_ns, news.stopped_ns) == (7, 1_007, 0)
    assert news.next_steps == "SIGKILL"
    assert news.sentence == "gopls 4711 stands: its job holds 1 GiB (fuse 1 GiB)"


def test_of_one_that_was_killed_nothing_comes_next() -> None:
    news = first_news(FuseEventKind.KILLED, EVENT, WHO, POLICY, time_ns=1_007)
    assert news.next_steps == ""
    assert "was killed" in news.sentence


def test_it_says_what_became_of_it() -> None:
    first = first_news(FuseEventKind.STOPPED, EVENT, WHO, POLICY, time_ns=1_007)
    now_ns = 7 + 12 * NS_PER_SECOND
    news = later_news(
        first, FuseEventKind.THAWED, EVENT, FUSE,
        now_ns=now_ns, time_ns=now_ns + 1_000, next_bound_bytes=3 * GIB // 2,
    )  # fmt: skip
    assert (news.stopped_ns, news.monotonic_ns) == (12 * NS_PER_SECOND, now_ns)
    assert (news.time_ns, news.next_steps) == (now_ns + 1_000, "")
    assert news.sentence == (
        "gopls 4711 goes on after it stood for 12s; the next stop is at 1.5 GiB"
    )
