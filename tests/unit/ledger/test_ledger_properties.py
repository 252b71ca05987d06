"""Whatever the kernel reports, in whatever order, the accounts add up."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import ProcessKey, StartCause
from ebpftrace.ledger import JobState, ProcessChange, ProcessNote, Snapshot
from tests.support.aging import as_of
from tests.support.scripted_ledger import ScriptedLedger, identity

PIDS = st.integers(1, 4)
JOBS = st.builds(identity, st.sampled_from(["a", "b"]), st.integers(7, 8))
BYTES = st.integers(0, 2**42)
USAGES = st.builds(Usage, BYTES, BYTES, BYTES, BYTES)
COUNTERS = st.builds(ProcessCounters, usage=USAGES, inherited=USAGES, peak_bytes=BYTES)
CGROUP_COUNTERS = st.fixed_dictionaries(
    {
        "charge_bytes": BYTES,
        "limit_bytes": st.none() | BYTES,
        "headroom_bytes": st.none() | BYTES,
        "oom_kills": st.integers(0, 5),
        "stalls": st.integers(0, 5),
        "stalled_ns": st.integers(0, 500),
    }
)
STEPS = st.one_of(
    st.tuples(st.just("start"), PIDS, COUNTERS, JOBS, st.sampled_from(StartCause)),
    st.tuples(st.just("read"), PIDS, COUNTERS),
    st.tuples(st.just("exit"), PIDS, COUNTERS, st.booleans()),
    st.tuples(st.just("rename"), PIDS),
    st.tuples(st.just("move"), PIDS, JOBS),
    st.tuples(st.just("oom"), PIDS, JOBS, st.integers(0, 5), st.booleans()),
    st.tuples(st.just("cgroup"), st.integers(7, 8), CGROUP_COUNTERS),
    st.tuples(st.just("made"), st.integers(7, 8)),
    st.tuples(st.just("gone"), st.integers(7, 8), CGROUP_COUNTERS),
    st.tuples(st.just("losses"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.floats(-1, 30)),
    st.tuples(st.just("snapshot")),
)


def apply(book: ScriptedLedger, step: tuple) -> None:  # type: ignore[type-arg]
    match step:
        case ("start", pid, counters, job, how):
            book.start(pid, job=job, how=how, counters=counters)
        case ("read", pid, counters):
            book.read(pid, counters=counters)
        case ("exit", pid, counters, executed):
            book.exit(pid, counters, executed=executed)
        case ("rename", pid):
            book.rename(pid, "renamed")
        case ("move", pid, job):
            book.move(pid, job)
        case ("oom", pid, job, count, tracked):
            book.oom(pid, job, kernel_count=count, tracked=tracked)
        case ("cgroup", cgroup_id, counters):
            book.cgroup(cgroup_id, **counters)
        case ("made", cgroup_id):
            book.cgroup_made(cgroup_id)
        case ("gone", cgroup_id, counters):
            book.cgroup_gone(cgroup_id, **counters)
        case ("losses", count):
            book.losses(ring_exit=count)
        case ("wait", seconds):
            book.at += seconds


def check(drawn: Snapshot) -> None:
    own = [one.own for job in drawn.jobs for one in job.processes]
    assert drawn.usage == sum(own, Usage()) == sum((job.usage for job in drawn.jobs), Usage())
    for job in drawn.jobs:
        assert job.usage == sum((one.own for one in job.processes), Usage())
        figures = (
            job.usage.anon_bytes, job.usage.file_bytes, job.usage.shmem_bytes,
            job.usage.swap_bytes, job.peak_bytes, job.oom_kills, job.stalls,
            job.stalled_ns, job.age_ns, job.started, job.seconds_to_limit or 0,
            *(one.age_ns for one in job.processes),
        )  # fmt: skip
        assert min(figures) >= 0
        assert job.peak_bytes >= job.usage.resident_bytes
        assert job.started >= bool(job.processes)
        assert bool(job.peak_holder) == bool(job.peak_bytes)
        assert (job.state is JobState.RUNNING) == bool(job.processes)
        keys = [(-one.own.resident_bytes, one.pid) for one in job.processes]
        assert keys == sorted(keys)


@given(st.lists(STEPS, max_size=60))
def test_any_sequence_of_events_adds_up(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    book = ScriptedLedger()
    taken: list[tuple[Snapshot, str]] = []
    latest = book.at
    for step in steps:
        apply(book, step)
        if step[0] == "snapshot":
            # Events may be earlier than the last snapshot was, the next snapshot may not.
            latest = book.at = max(book.at, latest)
            drawn = book.snapshot()
            check(drawn)
            for job in book.ledger._jobs:
                job.has_changed()  # what is kept between snapshots is calculated anew
            peeked = book.ledger.peek(drawn.monotonic_ns, drawn.time_ns)
            assert as_of(peeked)[0] == as_of(drawn)[0]
            taken.append((drawn, repr(drawn)))
    live = {one.key for job in book.snapshot().jobs for one in job.processes}
    final = book.final()
    check(final)
    assert {one.key for job in final.jobs for one in job.processes} == live
    assert all(repr(drawn) == as_it_was for drawn, as_it_was in taken)

    # A process that was noted to start was noted to end, or is still there.
    there: set[ProcessKey] = set()
    for note in book.notes():
        if isinstance(note, ProcessNote):
            if note.event is ProcessChange.EXIT:
                there.remove(note.key)
            else:
                there.add(note.key)
    assert there == live
