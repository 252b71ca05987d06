"""How many incidents a job may have, by the path of its cgroup."""

from ebpftrace.act.audit.incident_shares import (
    ALL_RUN,
    ALL_STARTED,
    MAX_INCIDENTS,
    MAX_OPEN,
    MOST_STARTS,
    IncidentShares,
)
from ebpftrace.jobs.identity import JobIdentity
from tests.support.scripted_time import ScriptedTime
from tests.support.watches import identity


def job(cgroup: str, run: int = 0) -> JobIdentity:
    return identity()._replace(cgroup=cgroup, key=f"{cgroup}:{run}")


def started(shares: IncidentShares, cgroup: str) -> list[JobIdentity]:
    """As many incidents as this cgroup and invented ones below it may have."""
    jobs = [job(f"{cgroup}/{n}", n) for n in range(2 * MAX_OPEN)]
    made = []
    for one in jobs:
        if not shares.refusal(one):
            shares.start(one)
            made.append(one)
    return made


def test_each_job_has_a_share_of_those_that_run() -> None:
    shares = IncidentShares(lambda: 0)
    assert len(started(shares, "/one")) == MAX_INCIDENTS * 3 // 4
    assert shares.refusal(job("/one")) == ALL_RUN
    assert len(started(shares, "/other")) == MAX_INCIDENTS * 3 // 16


def test_place_is_free_once_an_incident_ends_or_waits() -> None:
    shares = IncidentShares(lambda: 0)
    first, second, *_ = started(shares, "/one")
    shares.end(first.key)
    shares.start(first)
    assert shares.refusal(first) == ALL_RUN
    for _ in range(2):
        shares.waits(second.key)
    shares.start(job("/one", 1))
    assert shares.refusal(first) == ALL_RUN


def test_those_that_wait_are_bounded_as_well() -> None:
    shares = IncidentShares(lambda: 0)
    while made := started(shares, "/one"):
        for one in made:
            shares.waits(one.key)
    assert shares.refusal(job("/one")) == ALL_RUN
    assert not shares.refusal(job("/other"))


def test_share_of_a_minute_is_renewed_with_the_next() -> None:
    time = ScriptedTime()
    shares = IncidentShares(lambda: time.now_ns)

    def run() -> int:
        """Incidents that end at once, of one invented CI run after the other."""
        for number in range(2 * MOST_STARTS):
            if shares.refusal(job("/one", number)):
                return number
            shares.start(job("/one", number))
            shares.end(f"/one:{number}")
        return -1

    assert run() == MOST_STARTS * 3 // 4
    assert shares.refusal(job("/one")) == ALL_STARTED
    assert not shares.refusal(job("/other"))
    time.advance(60)
    assert run() == MOST_STARTS * 3 // 4
