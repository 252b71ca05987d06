"""How many incidents one job may have beside another. (What starts one: test_breaker.py.)"""

from dataclasses import replace

from ebpftrace.act.audit.incident_shares import (
    ALL_RUN,
    ALL_STARTED,
    MAX_INCIDENTS,
    MAX_OPEN,
    MOST_STARTS,
)
from ebpftrace.act.incident.outcome import SuppressedTrigger
from tests.support.breaker_rig import ONCE, BreakerRig, policy
from tests.support.scripted_action import ScriptedAction

SHARE = MOST_STARTS * 9 // 16
"""Of a cgroup in another one."""


def test_incidents_of_one_job_leave_room_for_another_job(rig: BreakerRig) -> None:
    rig.action = ScriptedAction()
    rig.breaker.reload([policy(cooldown_ns=0)])
    jobs = [rig.job(rig.process(400), name=f"job-{n}") for n in range(MAX_INCIDENTS)]
    events = rig.breaker.handle_snapshot((), rig.snapshot(0, *jobs))
    share = MAX_INCIDENTS * 3 // 4
    assert len(rig.started) == share
    reasons = [it.reason for it in events if isinstance(it, SuppressedTrigger)]
    assert set(rig.suppressed()) == set(reasons) == {ALL_RUN}
    other = rig.job(rig.process(400))
    other = replace(other, identity=other.identity._replace(key="/other", cgroup="/other"))
    rig.breaker.handle_snapshot((), rig.snapshot(1, *jobs, other))
    assert [incident.job.key for incident in rig.started[share:]] == ["/other"]
    running = {incident.job.key for incident in rig.started}
    waiting = next(job for job in jobs if job.identity.key not in running)
    rig.breaker.cancel(rig.started[0].job.key, "by hand")
    rig.breaker.handle_snapshot((), rig.snapshot(2, waiting))
    assert rig.started[-1].job.key == waiting.identity.key


def test_job_starts_a_limited_number_of_incidents_in_a_minute(rig: BreakerRig) -> None:
    rig.breaker.reload([policy(cooldown_ns=0, ladder=())])
    for second in range(59):
        for _ in range(3):
            rig.see(second, rig.process(400))
    assert len(rig.logged("incident")) == SHARE
    (line,) = rig.logged("suppressed")
    assert line["reason"] == ALL_STARTED
    rig.see(61, rig.process(400))
    assert len(rig.logged("incident")) == SHARE + 1


def test_incident_that_waits_for_a_successor_takes_the_place_of_no_other(
    rig: BreakerRig,
) -> None:
    rig.breaker.reload([policy(cooldown_ns=0)])
    jobs = [rig.job(rig.process(400), name=f"job-{n}") for n in range(2 * MAX_INCIDENTS)]
    rig.breaker.handle_snapshot((), rig.snapshot(0, *jobs))
    first = {incident.job.key for incident in rig.started}
    # Their targets have ended, which the next snapshot shows.
    others = [job for job in jobs if job.identity.key not in first]
    rig.breaker.handle_snapshot((), rig.snapshot(1, *others))
    assert len(rig.started) == MAX_OPEN * 3 // 4 > len(first)


def test_nothing_was_done_is_logged_once_for_a_process(rig: BreakerRig) -> None:
    rig.breaker.reload([policy(cooldown_ns=0, budget=replace(ONCE, restarts=0))])
    for second in range(10):
        rig.see(second, rig.process(400))
    (outcome,) = rig.logged("outcome")
    assert "nothing was done" in outcome["sentence"]
    assert rig.suppressed() == ["the budget allows no restart"]
