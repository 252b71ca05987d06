from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.stopped_processes import StoppedProcesses, stopped_for_ns
from tests.support import watches

FIRST, SECOND = ProcessKey(4711, 86_000_000_004_711), ProcessKey(4712, 1)
STOPPED = watches.fuse_event()
THAWED = watches.fuse_event(FuseEventKind.THAWED)
ENDED = watches.fuse_event(FuseEventKind.ENDED)


def heard(*entries: object) -> StoppedProcesses:
    fuses = StoppedProcesses()
    for entry in entries:
        fuses.update(entry)  # type: ignore[arg-type]
    return fuses


def test_a_process_is_stopped_until_it_is_resumed_or_ends() -> None:
    other = STOPPED._replace(process=SECOND)
    assert set(heard(STOPPED, other).stopped) == {FIRST, SECOND}
    assert set(heard(STOPPED, other, THAWED).stopped) == {SECOND}
    assert set(heard(STOPPED, other, ENDED).stopped) == {SECOND}
    assert not heard(watches.fuse_event(FuseEventKind.KILLED)).stopped


def test_an_exit_is_enough_and_only_of_that_process() -> None:
    gone = watches.process_note("exit", signal=9)
    assert gone.key == FIRST
    assert not heard(STOPPED, gone).stopped
    assert heard(STOPPED, gone._replace(key=SECOND)).stopped
    assert heard(STOPPED, watches.process_note("exec")).stopped


def test_update_is_true_only_if_the_stopped_processes_change() -> None:
    fuses = heard(STOPPED)
    before = fuses.stopped
    assert not fuses.update(watches.oom_note())
    assert not fuses.update(THAWED._replace(process=SECOND))
    assert fuses.stopped is before
    assert fuses.update(THAWED)
    assert before, "what was handed over does not change any more"


def test_the_summary_counts_each_stop_once() -> None:
    assert heard().summary() == ""
    repeated = STOPPED._replace(next_steps="SIGKILL")
    assert heard(STOPPED, repeated).summary() == "1 stopped (1 still stopped)"
    assert heard(STOPPED, repeated).stopped[FIRST].next_steps == "SIGKILL"
    again = heard(STOPPED, THAWED, STOPPED, watches.process_note("exit"), ENDED)
    assert again.summary() == "2 stopped (1 thawed, 1 ended)"
    killed = watches.fuse_event(FuseEventKind.KILLED)
    assert heard(killed, killed).summary() == "2 killed at the bound"
    killed = killed._replace(process=SECOND)
    assert (
        heard(STOPPED, killed).summary() == "1 stopped (1 still stopped), 1 killed at the bound"
    )


def test_duration_of_a_stop() -> None:
    assert stopped_for_ns(STOPPED, watches.MONOTONIC_NS + NS_PER_SECOND) == NS_PER_SECOND
    assert stopped_for_ns(STOPPED, watches.MONOTONIC_NS - 1) == 0  # a snapshot from before it
    later = STOPPED._replace(stopped_ns=5 * NS_PER_SECOND)
    assert stopped_for_ns(later, watches.MONOTONIC_NS + NS_PER_SECOND) == 6 * NS_PER_SECOND
