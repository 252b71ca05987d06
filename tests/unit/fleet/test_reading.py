"""Series as Prometheus answers them, and the job that they are shown as."""

from ebpftrace.fleet.api import Series
from ebpftrace.fleet.reading import JobLabels, by_job
from ebpftrace.ledger import JobSnapshot, JobState

MIB = 1 << 20
LABELS = JobLabels("node-1:9435", "5")


def series(name: str, value: float, **labels: str) -> Series:
    ours = {"instance": "node-1:9435", "job_key": "5", "job_name": "acme/app#17 test"}
    return Series({"__name__": f"ebpftrace_{name}", **ours, **labels}, ((1000.0, value),))


FULL = (
    series("job_info", 1, kind="github", cgroup="/ci/1", url="https://x", exported_job="test",
           job="ebpftrace"),
    series("job_running", 1),
    series("job_processes", 3),
    series("job_memory_usage_bytes", 150 * MIB),
    series("job_spec_memory_limit_bytes", 200 * MIB),
    series("job_memory_held_bytes", 100 * MIB),
    *(series("job_memory_bytes", size * MIB, type=kind)
      for kind, size in (("anon", 80), ("file", 5), ("shmem", 10), ("swap", 2))),
    series("job_memory_growth_bytes_per_second", 4 * MIB),
    series("job_memory_limit_eta_seconds", 25),
    series("job_oom_events_total", 2),
    series("job_findings", 1, detector="leak", severity="warning"),
    series("job_findings", 0, detector="burst", severity="notice"),
    series("process_memory_bytes", 7 * MIB, type="anon", pid="4711", comm="gopls"),
    series("process_memory_bytes", 70 * MIB, type="anon", pid="4712", comm="go\x1b"),
)  # fmt: skip


def read(*found: Series, labels: JobLabels = LABELS) -> JobSnapshot:
    return by_job([labels], [found])[labels].snapshot(0)


def test_job_has_what_its_node_says_of_it() -> None:
    job = read(*FULL)
    assert (job.identity.name, job.identity.node) == ("acme/app#17 test", "node-1")
    assert (job.identity.kind, job.identity.cgroup) == ("github", "/ci/1")
    assert (job.identity.origin.url, job.identity.origin.job) == ("https://x", "test")
    assert job.state is JobState.RUNNING
    assert (job.usage.resident_bytes, job.usage.swap_bytes) == (95 * MIB, 2 * MIB)
    assert job.held_bytes == 100 * MIB
    assert job.room_bytes == (200 - 98) * MIB  # swap takes none of it
    assert (job.cgroup.charge_bytes, job.cgroup.headroom_bytes) == (150 * MIB, 50 * MIB)
    assert job.growth.bytes_per_second == 4 * MIB
    assert job.seconds_to_limit == 25
    assert (job.oom_kills, job.process_count) == (2, 3)
    assert [(one.pid, one.comm) for one in job.processes] == [
        (4712, "go\\x1b"),
        (4711, "gopls"),
    ]
    assert by_job([LABELS], [FULL])[LABELS].findings == [("leak", "warning")]


def test_curve_is_what_was_held() -> None:
    labels = dict(FULL[0].labels) | {"__name__": "ebpftrace_job_memory_held_bytes"}
    held = Series(labels, ((990.0, 5.0), (995.0, 7.0), (1000.0, 9.0)))
    curve = read(*FULL, held).curve
    assert curve.last == 9
    assert [high for _, high in curve.buckets(900 * 10**9)[1]] == [5, 7, 9]


def test_what_is_missing_is_nothing_and_no_limit() -> None:
    job = read()
    assert (job.identity.name, job.identity.node) == ("5", "node-1")
    assert (job.usage.resident_bytes, job.cgroup.limit_bytes) == (0, None)
    assert (job.seconds_to_limit, job.room_bytes) == (None, None)
    assert job.state is JobState.IDLE


def test_series_of_other_jobs_are_left_out() -> None:
    other = series("job_processes", 9, instance="node-2:9435")
    assert read(*FULL, other).process_count == 3


def test_names_are_cleaned_and_numbers_that_are_none_do_no_harm() -> None:
    labels = JobLabels("n\x1b[31m", "k\n")
    mine = {"instance": labels.instance, "job_key": labels.job_key}
    job = read(
        series("job_info", 1, **mine, job_name="\u202e", kind="\x07", cgroup="/\n", url="\x00"),
        series("process_memory_bytes", 1, type="anon", pid="x" * 99, comm="", **mine),
        labels=labels,
    )
    identity = job.identity
    shown = (identity.name, identity.kind, identity.cgroup, identity.key, identity.node,
             identity.origin.url, identity.identified_by)  # fmt: skip
    assert all(text.isprintable() for text in shown), shown
    assert job.processes[0].pid == 0


def test_node_has_the_name_of_a_relabelling_or_of_its_address() -> None:
    assert read(series("job_info", 1, node="worker")).identity.node == "worker"
    for instance, node in (
        ("10.0.0.1:9435", "10.0.0.1"),
        ("[::1]:9", "::1"),
        ("plain", "plain"),
    ):
        assert read(labels=JobLabels(instance, "5")).identity.node == node
