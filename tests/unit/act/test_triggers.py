"""When a policy fires: its bounds, `any` and `all`, `for`, and the built-in judgement."""

from dataclasses import replace

from ebpftrace.act.marks import Marks
from ebpftrace.act.policy import Condition, Match, Mode, Policy
from ebpftrace.act.triggers import Firing, More, Trigger
from ebpftrace.events import Breached
from ebpftrace.judge.finding import Finding, Severity, State
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches

S = NS_PER_SECOND
LEVEL = Condition("level", 300 * MIB)
GROWTH = Condition("growth", 200 * MIB, window_ns=60 * S)


def policy(*when: Condition, mode: Mode = Mode.ANY, for_s: int = 0) -> Policy:
    return Policy("p", Match(), when, mode, (), for_ns=for_s * S)


def at(seconds: float, mib: int, limit: int | None = None) -> Snapshot:
    held = watches.counters(mib * MIB)
    usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
    process = watches.process(book=replace(held, usage=usage))
    job = watches.job(processes=[process], limit=limit, cache=0)
    return replace(watches.snapshot(job), monotonic_ns=round(seconds * S))


def fired(trigger: Trigger, snapshot: Snapshot, *builtin: Finding) -> list[Firing]:
    return list(trigger.fire(snapshot, builtin))


def test_a_level_fires_while_it_is_met() -> None:
    trigger = Trigger(policy(LEVEL))
    assert fired(trigger, at(0, 299)) == []
    (firing,) = fired(trigger, at(1, 300))
    assert firing.finding.detector == "level"
    assert firing.own
    assert len(fired(trigger, at(2, 310))) == 1
    # Its finding is still active for a while, but the bound is no longer met.
    assert fired(trigger, at(3, 10)) == []


def test_growth_is_over_the_floor_of_its_window() -> None:
    trigger = Trigger(policy(GROWTH))
    assert fired(trigger, at(0, 500)) == []  # what was held before is no gain
    assert fired(trigger, at(10, 699)) == []
    assert len(fired(trigger, at(11, 700))) == 1


def test_for_asks_for_so_long_without_a_break() -> None:
    trigger = Trigger(policy(LEVEL, for_s=5))
    assert fired(trigger, at(0, 400)) == []
    assert fired(trigger, at(4, 400)) == []
    assert fired(trigger, at(4.5, 10)) == []
    assert fired(trigger, at(6, 400)) == []
    assert len(fired(trigger, at(11, 400))) == 1


def test_all_means_each_of_them() -> None:
    trigger = Trigger(policy(LEVEL, GROWTH, mode=Mode.ALL))
    fired(trigger, at(0, 250))
    assert fired(trigger, at(1, 320)) == []
    (firing,) = fired(trigger, at(2, 460))
    assert {one.detector for one in firing.findings} == {"level", "growth"}


def test_the_built_in_judgement_fires_from_a_severity_on() -> None:
    now = at(1, 10)
    trigger = Trigger(policy(Condition("builtin", least=Severity.WARNING)))
    found = replace(watches.finding(), monotonic_ns=now.monotonic_ns)
    assert len(fired(trigger, now, found)) == 1
    assert not fired(trigger, now, found)[0].own
    assert fired(trigger, now, replace(found, severity=Severity.NOTICE)) == []
    assert fired(trigger, now, replace(found, state=State.END)) == []
    assert fired(trigger, now, replace(found, monotonic_ns=0)) == []  # of a while ago


def test_one_process_is_judged_where_that_was_asked() -> None:
    trigger = Trigger(policy(replace(LEVEL, per_process=True)))
    (firing,) = fired(trigger, at(0, 400))
    assert firing.finding.subject.process is not None


def marked(trigger: Trigger, snapshot: Snapshot) -> tuple[Marks, list[int]]:
    fired(trigger, snapshot)
    marks = Marks()
    return marks, [mark.held_bytes for mark in marks.of([trigger], snapshot)]


def test_a_bound_becomes_a_mark_for_the_kernel() -> None:
    assert marked(Trigger(policy(LEVEL)), at(0, 100))[1] == [300 * MIB]
    assert marked(Trigger(policy(GROWTH)), at(0, 100))[1] == [300 * MIB]
    assert marked(Trigger(policy(LEVEL, GROWTH)), at(0, 250))[1] == [300 * MIB]


def test_no_mark_where_one_crossing_is_not_the_whole_condition() -> None:
    assert marked(Trigger(policy(LEVEL, for_s=1)), at(0, 100))[1] == []
    assert marked(Trigger(policy(LEVEL, GROWTH, mode=Mode.ALL)), at(0, 100))[1] == []
    assert marked(Trigger(policy(LEVEL)), at(0, 300))[1] == []  # passed already


def test_a_breach_fires_what_its_mark_was_for() -> None:
    snapshot = at(5, 100)
    marks, _ = marked(Trigger(policy(GROWTH)), snapshot)
    job = snapshot.jobs[0]
    breach = Breached(
        time_ns=6 * S, key=job.processes[0].key, cgroup_id=job.identity.cgroup_id,
        held_bytes=301 * MIB, mark_bytes=300 * MIB, group=True,
    )  # fmt: skip
    (firing,) = marks.firings(breach, snapshot)
    assert firing.more == More(breach.key, 201 * MIB)
    assert firing.finding.measured == 201 * MIB
    assert "gained 201 MiB in 1 s (bound 200 MiB in 60 s)" in firing.finding.sentence
    assert list(marks.firings(replace(breach, held_bytes=299 * MIB), snapshot)) == []
    assert list(marks.firings(replace(breach, cgroup_id=1), snapshot)) == []
    assert list(marks.firings(replace(breach, group=False), snapshot)) == []


def test_a_mark_is_no_higher_for_readings_that_come_close_together() -> None:
    """The history leaves out samples of less than a quarter of a second; a mark must not."""
    trigger = Trigger(policy(GROWTH))
    fired(trigger, at(0, 100))
    later = at(0.1, 180)
    fired(trigger, later)
    assert [mark.held_bytes for mark in Marks().of([trigger], later)] == [300 * MIB]
