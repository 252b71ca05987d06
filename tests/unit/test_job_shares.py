"""What one job takes of what all jobs share."""

from ebpftrace.job_shares import JobShares, JobSlots, nodes_of

MOST, PERIOD_NS = 64, 1000


def taken(shares: JobShares, path: str, now_ns: int = 0) -> int:
    """How many a cgroup gets that asks for more than there are."""
    return sum(shares.take(nodes_of(path), now_ns) for _ in range(2 * MOST))


def test_one_job_leaves_a_quarter_to_those_beside_it() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    assert taken(shares, "/one") == 48
    assert taken(shares, "/other") == 12


def test_more_cgroups_of_its_own_get_a_job_nothing() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    assert sum(taken(shares, f"/one/{n}") for n in range(50)) <= 48
    assert taken(shares, "/other") >= 12


def test_cgroups_far_down_share_what_the_one_above_them_has() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    deep = "/1/2/3/4/5/6/7"
    most = taken(shares, f"{deep}/8")
    assert most > 0
    assert taken(shares, f"{deep}/9") == 0


def test_root_has_all_and_no_more() -> None:
    assert taken(JobShares(MOST, PERIOD_NS), "/") <= MOST
    shares = JobShares(MOST, PERIOD_NS)
    assert sum(shares.take((), 0) for _ in range(2 * MOST)) == MOST


def test_shares_are_renewed_in_the_next_period() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    assert [taken(shares, "/one", now_ns) for now_ns in (0, PERIOD_NS - 1)] == [48, 0]
    assert taken(shares, "/one", PERIOD_NS) == 48


def test_period_begins_with_its_first_request() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    began = PERIOD_NS - 1
    assert [taken(shares, "/one", began + later) for later in (0, PERIOD_NS - 1)] == [48, 0]
    assert not shares.has_room(nodes_of("/one"), began + PERIOD_NS - 1)
    assert shares.has_room(nodes_of("/one"), began + PERIOD_NS)
    assert taken(shares, "/one", began + PERIOD_NS) == 48


def test_clock_that_goes_back_begins_a_period() -> None:
    shares = JobShares(MOST, PERIOD_NS)
    assert [taken(shares, "/one", now_ns) for now_ns in (5 * PERIOD_NS, 0)] == [48, 48]


def test_slots_are_free_once_they_are_given_back() -> None:
    slots, path = JobSlots(4), nodes_of("/one/two")
    while slots.has_room(path):
        slots.take(path)
    assert slots.has_room(nodes_of("/other"))
    slots.give_back(path)
    assert slots.has_room(path)
