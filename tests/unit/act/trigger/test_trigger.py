"""When a policy fires: bounds, `any` and `all`, `for`, and the built-in judgement."""

from dataclasses import replace

from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing, Trigger, reload_triggers
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition, growth, level

S = NS_PER_SECOND
LEVEL = level(300 * MIB)
GROWTH = growth(200 * MIB, window_ns=60 * S)


def policy(*when: Condition, mode: Mode = Mode.ANY, for_s: int = 0) -> Policy:
    return Policy("p", Match(), when, mode, (), for_ns=for_s * S)


def at(seconds: float, mib: int, limit: int | None = None) -> Snapshot:
    held = watches.counters(mib * MIB)
    usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
    process = watches.process(book=held._replace(usage=usage))
    job = watches.job(processes=[process], limit=limit, cache=0)
    return watches.snapshot(job)._replace(monotonic_ns=round(seconds * S))


def fired(trigger: Trigger, snapshot: Snapshot, *builtin: Finding) -> list[Firing]:
    return list(trigger.fire(snapshot, builtin))


def test_a_level_fires_while_it_is_met() -> None:
    trigger = Trigger(policy(LEVEL))
    assert fired(trigger, at(0, 299)) == []
    (firing,) = fired(trigger, at(1, 300))
    assert firing.finding.detector == "level"
    assert firing.has_own_bounds
    assert len(fired(trigger, at(2, 310))) == 1
    # Its finding is active for a while longer, but the bound is no longer met.
    assert fired(trigger, at(3, 10)) == []


def test_growth_counts_from_the_floor_of_its_window() -> None:
    trigger = Trigger(policy(GROWTH))
    assert fired(trigger, at(0, 500)) == []  # memory held before is no gain
    assert fired(trigger, at(10, 699)) == []
    assert len(fired(trigger, at(11, 700))) == 1


def test_for_requires_the_conditions_without_a_break() -> None:
    trigger = Trigger(policy(LEVEL, for_s=5))
    assert fired(trigger, at(0, 400)) == []
    assert fired(trigger, at(4, 400)) == []
    assert fired(trigger, at(4.5, 10)) == []
    assert fired(trigger, at(6, 400)) == []
    assert len(fired(trigger, at(11, 400))) == 1


def test_all_requires_every_condition() -> None:
    trigger = Trigger(policy(LEVEL, GROWTH, mode=Mode.ALL))
    fired(trigger, at(0, 250))
    assert fired(trigger, at(1, 320)) == []
    (firing,) = fired(trigger, at(2, 460))
    assert {one.detector for one in firing.findings} == {"level", "growth"}


def test_the_built_in_judgement_fires_at_its_least_severity() -> None:
    now = at(1, 10)
    trigger = Trigger(policy(condition("builtin", least=Severity.WARNING)))
    found = watches.finding()._replace(monotonic_ns=now.monotonic_ns)
    assert len(fired(trigger, now, found)) == 1
    assert not fired(trigger, now, found)[0].has_own_bounds
    assert fired(trigger, now, found._replace(severity=Severity.NOTICE)) == []
    assert fired(trigger, now, found._replace(state=FindingState.END)) == []
    assert fired(trigger, now, found._replace(monotonic_ns=0)) == []  # met earlier, not now


def test_a_forecast_is_never_acted_on() -> None:
    now = at(1, 10)
    for least in Severity:
        trigger = Trigger(policy(condition("builtin", least=least)))
        for severity in Severity:
            found = watches.finding(detector="forecast", severity=severity)
            assert not fired(trigger, now, found._replace(monotonic_ns=now.monotonic_ns))


def test_a_finding_of_a_fuse_is_the_policy_s_own() -> None:
    """The judge does not report it, whatever the policy acts on otherwise."""
    judged = policy(condition("builtin"))
    assert Firing(judged, (watches.finding(),), by_fuse=True).has_own_bounds
    assert not Firing(judged, (watches.finding(),)).has_own_bounds


def test_a_condition_of_a_process_judges_each_process() -> None:
    trigger = Trigger(policy(replace(LEVEL, per_process=True)))
    (firing,) = fired(trigger, at(0, 400))
    assert firing.finding.subject.process is not None


def test_a_reload_keeps_the_history_of_a_condition() -> None:
    before = Trigger(policy(GROWTH))
    assert fired(before, at(0, 100)) == []
    (after,) = reload_triggers([before], [replace(policy(LEVEL, GROWTH), name="renamed")])
    (firing,) = fired(after, at(10, 300))
    assert {one.measured for one in firing.findings} == {300 * MIB, 200 * MIB}


def test_a_new_bound_counts_from_the_reload() -> None:
    before = Trigger(policy(GROWTH))
    assert fired(before, at(0, 100)) == []
    (after,) = reload_triggers([before], [policy(growth(100 * MIB))])
    assert fired(after, at(10, 250)) == []
    assert len(fired(after, at(11, 350))) == 1


def test_equal_conditions_of_two_policies_share_no_history() -> None:
    triggers = reload_triggers([Trigger(policy(GROWTH))], [policy(GROWTH), policy(GROWTH)])
    judges = [judge for trigger in triggers for _, judge in trigger.judges]
    assert len({id(judge) for judge in judges}) == 2


def test_for_continues_over_a_reload_of_the_same_policy() -> None:
    before = Trigger(policy(LEVEL, for_s=5))
    assert fired(before, at(0, 400)) == []
    (same,) = reload_triggers([before], [policy(LEVEL, for_s=5)])
    assert len(fired(same, at(5, 400))) == 1
    (other,) = reload_triggers([before], [policy(level(200 * MIB), for_s=5)])
    assert fired(other, at(6, 400)) == []
