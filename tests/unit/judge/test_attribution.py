"""Which process accounts for what was judged, and what no watched process does."""

from dataclasses import replace

import pytest

from ebpftrace.counters import CgroupContents, CgroupCounters, ProcessCounters, Usage
from ebpftrace.events import StartCause
from ebpftrace.judge.attribution import attribute, job_gain, process_gain, unattributed
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.finding import Finding
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.scripted_ledger import BEGAN_NS, ScriptedLedger, held

LIMIT = 1024 * MIB
GROWTH = GrowthDetector(60 * NS_PER_SECOND, 100 * MIB)


def group(book: ScriptedLedger, anon: int, shmem: int = 0) -> None:
    """memory.stat of the job's cgroup, MiB."""
    book.cgroup(
        charge_bytes=(anon + shmem) * MIB,
        limit_bytes=LIMIT,
        headroom_bytes=LIMIT - (anon + shmem) * MIB,
        contents=CgroupContents(anon_bytes=anon * MIB, shmem_bytes=shmem * MIB),
    )


def grown(own: int, others: int, seconds: int = 20) -> JobSnapshot:
    """gopls grows from 20 MiB by `own` a second, what is not watched by `others`."""
    book = ScriptedLedger()
    book.start(1, 20)
    for second in range(seconds + 1):
        book.at = second
        book.read(1, 20 + own * second)
        group(book, 20 + (own + others) * second)
        (job,) = book.snapshot().jobs
    return job


@pytest.mark.parametrize("back", [1, 5, 19, 20, 300], ids="{} s ago".format)
def test_a_gain_is_that_of_the_whole_cgroup(back: int) -> None:
    """Since before the job began: since its first snapshot."""
    job = grown(own=2, others=5)
    since = BEGAN_NS + (20 - back) * NS_PER_SECOND
    assert job_gain(job, since) == 7 * min(back, 20) * MIB
    assert process_gain(job.processes[0], since) == 2 * min(back, 20) * MIB


@pytest.mark.parametrize(
    ("own", "others", "named", "alone"),
    [(10, 0, True, True), (7, 3, True, False), (6, 4, False, False), (0, 5, False, False)],
)
def test_a_process_is_named_with_two_thirds_of_the_gain(
    own: int, others: int, named: bool, alone: bool
) -> None:
    found = attribute(grown(own, others), BEGAN_NS)
    assert (found is not None) is named
    if found is not None:
        assert found.is_alone is alone
        assert found.words == f"gopls 1 gained {20 * own} MiB of it"


def test_a_process_that_started_within_the_window_gained_all_it_holds() -> None:
    book = ScriptedLedger()
    book.start(1, 20)
    group(book, 20)
    book.snapshot()
    book.at = 10
    book.start(2, 5, how=StartCause.FORK, counters=held(20, inherited=20))
    book.read(2, counters=held(125, inherited=20))
    group(book, 125)
    (job,) = book.snapshot().jobs
    found = attribute(job, BEGAN_NS)
    assert found is not None
    assert (found.process.pid, found.part_bytes) == (2, 105 * MIB)


def test_none_of_several_that_share_memory_stands_out() -> None:
    shared = ProcessCounters(usage=Usage(shmem_bytes=60 * MIB))
    processes = [watches.process(4711 + n, book=shared) for n in range(6)]
    job = watches.job(processes=processes)
    contents = CgroupContents(shmem_bytes=60 * MIB)
    job = replace(job, cgroup=replace(job.cgroup, contents=contents))
    assert attribute(job, None) is None


@pytest.mark.parametrize(
    ("anon", "shmem", "forked", "expected"),
    [
        (220, 0, False, "processes that are not watched hold 155 of 220 MiB"),
        (65, 150, False, "tmpfs holds 150 of 215 MiB"),
        (165, 100, False, "tmpfs or processes that are not watched hold 200 of 265 MiB"),
        (
            220, 0, True,
            "pages copied after a fork or processes that are not watched hold 155 of 220 MiB",
        ),
        (1200, 0, False, "processes that are not watched hold 1.1 of 1.2 GiB"),
        (980, 100, False, "processes that are not watched hold 1015 MiB of 1.1 GiB"),
    ],
)  # fmt: skip
def test_the_rest_is_in_words(anon: int, shmem: int, forked: bool, expected: str) -> None:
    book = ScriptedLedger()
    book.start(1, 65)
    if forked:
        book.start(2, how=StartCause.FORK, counters=held(65, inherited=65))
    group(book, anon, shmem)
    (job,) = book.snapshot().jobs
    rest = unattributed(job)
    assert rest.is_noted
    if anon < 900:
        assert rest.words() == expected
        assert " held " in rest.words(past=True)
    else:
        assert rest.words().startswith("processes that are not watched hold ")


@pytest.mark.parametrize("limited", [True, False])
def test_there_is_no_rest_where_the_watched_processes_alone_count(limited: bool) -> None:
    job = grown(0, 5)
    assert unattributed(job).is_noted
    if limited:
        job = replace(job, alone=False)
    else:
        contents = job.cgroup.contents
        job = replace(job, cgroup=CgroupCounters(charge_bytes=LIMIT, contents=contents))
    assert unattributed(job).bytes == 0


def test_a_file_that_six_processes_have_mapped_is_held_once() -> None:
    """No limit is set: the watched processes alone count."""
    book, judge = ScriptedLedger(), Judge([LevelDetector(100 * MIB), GROWTH])
    reported: list[Finding] = []
    for pid in range(1, 7):
        book.at = pid
        shared = ProcessCounters(usage=Usage(anon_bytes=2 * MIB, shmem_bytes=60 * MIB))
        book.start(pid, 2)
        book.read(pid, counters=shared)
        book.cgroup(charge_bytes=72 * MIB, contents=CgroupContents(0, 60 * MIB))
        snapshot = book.snapshot()
        reported += judge.judge(snapshot)
    (job,) = snapshot.jobs
    assert reported == []
    assert job.held_bytes == (60 + 6 * 2) * MIB
    assert job.usage.shmem_bytes == 360 * MIB  # what the processes show
