"""The role of a process: what is never stopped or ended has to be small."""

from collections.abc import Callable

import pytest

from ebpftrace.events import ProcessKey, ProcessRead, ProcessStarted, StartCause
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import NS_PER_SECOND
from tests.support.scripted_ledger import ScriptedLedger, held, identity


def roles(book: ScriptedLedger) -> dict[int, str]:
    processes = (process for job in book.snapshot().jobs for process in job.processes)
    return {process.pid: process.role for process in processes if process.role}


def run(number: int) -> JobIdentity:
    """A CI run, one of several in a cgroup."""
    return identity(f"run-{number}")


def below(number: int) -> JobIdentity:
    """The job of a cgroup that a user made below one of its own."""
    return identity(cgroup_id=100 + number)._replace(given_path="/user")


def apart(number: int) -> JobIdentity:
    return identity(cgroup_id=100 + number)


def test_role_is_lost_for_good_once_a_process_is_too_large_for_it() -> None:
    book = ScriptedLedger()
    book.start(1, 8, role="telemetry")
    assert roles(book) == {1: "telemetry"}
    for mib, expected in ((32, {1: "telemetry"}), (33, {}), (8, {})):
        book.at += 1
        book.read(1, mib)
        assert roles(book) == expected


def test_process_that_is_large_when_it_is_found_has_no_role() -> None:
    book = ScriptedLedger()
    book.start(1, 33, role="telemetry")
    assert roles(book) == {}


@pytest.mark.parametrize(("monitors", "keep"), [(8, True), (9, False)])
def test_processes_with_a_role_are_small_together_as_well(monitors: int, keep: bool) -> None:
    """A job can start any number of them."""
    book = ScriptedLedger()
    for pid in range(1, monitors + 1):
        book.start(pid, 8, role="telemetry")
    book.start(100, 500)
    assert bool(roles(book)) == keep


@pytest.mark.parametrize(("job", "keep"), [(run, False), (below, False), (apart, True)])
def test_roles_of_jobs_that_a_user_can_invent_are_bounded_together(
    job: Callable[[int], JobIdentity], keep: bool
) -> None:
    book = ScriptedLedger()
    for pid in range(1, 9):
        book.start(pid, 8, job(pid), role="telemetry")
    book.start(100, 500, job(100))
    assert len(roles(book)) == 8
    book.at += 1
    book.start(9, 8, job(1), role="telemetry")  # the snapshots of the others were at rest
    assert len(roles(book)) == (9 if keep else 0)
    book.at += 1
    book.exit(9)
    assert len(roles(book)) == 8


def test_group_that_is_small_again_has_its_roles_again() -> None:
    """They were not too large one by one."""
    book = ScriptedLedger()
    for pid in range(1, 10):
        book.start(pid, 8, role="telemetry")
    assert roles(book) == {}
    book.at += 1
    book.exit(1)
    assert len(roles(book)) == 8


@pytest.mark.parametrize(("mib", "is_older"), [(40, True), (80, True), (81, False)])
def test_memory_of_a_fork_is_as_old_as_its_ancestor_if_it_is_half_of_all(
    mib: int, is_older: bool
) -> None:
    """A process could hand its memory to a child each moment, and never be old."""
    book = ScriptedLedger()
    book.at = 100
    copied = held(40)._replace(inherited=held(40).usage)
    forked = ProcessStarted(
        book.now_ns, ProcessKey(1, 100 * NS_PER_SECOND), 1, StartCause.FORK, "gopls", 7,
        counters=copied, memory_boottime_ns=20 * NS_PER_SECOND,
    )  # fmt: skip
    book.ledger.apply(forked, identity())
    book.at = 110
    book.ledger.apply(ProcessRead(book.now_ns, forked.key, held(mib)))
    (job,) = book.snapshot().jobs
    (process,) = job.processes
    assert process.memory_older_ns == (80 * NS_PER_SECOND if is_older else 0)
