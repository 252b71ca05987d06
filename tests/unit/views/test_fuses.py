from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.fuses import StoppedProcesses, stood_ns
from tests.support import watches

FIRST, SECOND = ProcessKey(4711, 86_000_000_004_711), ProcessKey(4712, 1)
STOPPED = watches.fuse_news()
THAWED = watches.fuse_news(FuseEventKind.THAWED)
ENDED = watches.fuse_news(FuseEventKind.ENDED)


def heard(*entries: object) -> StoppedProcesses:
    fuses = StoppedProcesses()
    for entry in entries:
        fuses.hear(entry)  # type: ignore[arg-type]
    return fuses


def test_who_was_stopped_stands_until_it_goes_on_or_ends() -> None:
    other = replace(STOPPED, process=SECOND)
    assert set(heard(STOPPED, other).standing) == {FIRST, SECOND}
    assert set(heard(STOPPED, other, THAWED).standing) == {SECOND}
    assert set(heard(STOPPED, other, ENDED).standing) == {SECOND}
    assert not heard(watches.fuse_news(FuseEventKind.KILLED)).standing


def test_an_exit_is_enough_and_only_of_that_process() -> None:
    gone = watches.process_note("exit", signal=9)
    assert gone.key == FIRST
    assert not heard(STOPPED, gone).standing
    assert heard(STOPPED, replace(gone, key=SECOND)).standing
    assert heard(STOPPED, watches.process_note("exec")).standing


def test_only_what_changes_who_stands_makes_another_mapping() -> None:
    fuses = heard(STOPPED)
    before = fuses.standing
    assert not fuses.hear(watches.oom_note())
    assert not fuses.hear(replace(THAWED, process=SECOND))
    assert fuses.standing is before
    assert fuses.hear(THAWED)
    assert before, "what was handed over does not change any more"


def test_the_summary_counts_each_stop_once() -> None:
    assert heard().in_words() == ""
    retold = replace(STOPPED, then="SIGKILL")
    assert heard(STOPPED, retold).in_words() == "1 stopped (1 standing)"
    assert heard(STOPPED, retold).standing[FIRST].then == "SIGKILL"
    again = heard(STOPPED, THAWED, STOPPED, watches.process_note("exit"), ENDED)
    assert again.in_words() == "2 stopped (1 thawed, 1 ended)"
    killed = watches.fuse_news(FuseEventKind.KILLED)
    assert heard(killed, killed).in_words() == "2 killed at the bound"
    killed = replace(killed, process=SECOND)
    assert heard(STOPPED, killed).in_words() == "1 stopped (1 standing), 1 killed at the bound"


def test_how_long_one_stands() -> None:
    assert stood_ns(STOPPED, watches.MONOTONIC_NS + NS_PER_SECOND) == NS_PER_SECOND
    assert stood_ns(STOPPED, watches.MONOTONIC_NS - 1) == 0  # a snapshot from before it
    later = replace(STOPPED, stood_ns=5 * NS_PER_SECOND)
    assert stood_ns(later, watches.MONOTONIC_NS + NS_PER_SECOND) == 6 * NS_PER_SECOND
