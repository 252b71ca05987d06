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
    job = replace(job, cgroup=job.cgroup._replace(contents=contents))
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


def nested(own: int, below: int, unseen: int = 0) -> JobSnapshot:
    """A job with a watched one in a cgroup below, whose memory its cgroup contains."""
    made = watches.job(processes=[watches.process(1, own * MIB * 16 // 15)])
    contents = CgroupContents(anon_bytes=(own + below + unseen) * MIB)
    cgroup = made.cgroup._replace(contents=contents)
    usage = Usage(anon_bytes=own * MIB)
    return replace(made, cgroup=cgroup, usage=usage, usage_below=Usage(anon_bytes=below * MIB))


def test_a_watched_job_below_is_not_called_unwatched() -> None:
    assert unattributed(nested(20, 100)).words() == "jobs in cgroups below hold 100 of 120 MiB"
    both = unattributed(nested(20, 50, unseen=50)).words()
    assert both.startswith("jobs in cgroups below or processes that are not watched hold")
    assert "below" not in unattributed(nested(20, 0, unseen=100)).words()


def lazily(lazy: dict[int, int], *held_mib: int) -> JobSnapshot:
    """Processes 1, 2, … of which some freed memory lazily; MiB."""
    made = watches.job(
        processes=[
            watches.process(pid, mib * MIB * 16 // 15) for pid, mib in enumerate(held_mib, 1)
        ]
    )
    by_process = tuple((pid, mib * MIB) for pid, mib in lazy.items())
    contents = CgroupContents(
        anon_bytes=sum(held_mib) * MIB,
        lazy_bytes=sum(lazy.values()) * MIB,
        lazy_by_process=by_process,
    )
    return replace(made, cgroup=made.cgroup._replace(contents=contents))


def test_no_process_is_named_for_what_it_freed_lazily() -> None:
    assert attribute(lazily({1: 250}, 251, 1), None) is None
    found = attribute(lazily({1: 250}, 251, 60), None)
    assert found is not None
    assert found.process.pid == 2
    found = attribute(lazily({2: 250}, 100, 251), None)
    assert found is not None
    assert found.part_bytes == pytest.approx(100 * MIB, abs=MIB)


def test_what_a_process_freed_lazily_hides_no_program_that_is_not_watched() -> None:
    job = lazily({1: 250}, 251)
    assert job.cgroup.contents is not None
    contents = job.cgroup.contents._replace(anon_bytes=351 * MIB)
    rest = unattributed(replace(job, cgroup=job.cgroup._replace(contents=contents)))
    assert rest.anon_bytes == pytest.approx(100 * MIB, abs=MIB)
