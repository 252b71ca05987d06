"""Compares snapshots whose parts may have been drawn earlier."""

from dataclasses import replace

from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, Snapshot


def as_of(snapshot: Snapshot) -> tuple[object, ...]:
    """All of its figures, as of its time."""
    now = snapshot.monotonic_ns
    return (
        tuple(_job_as_of(job, now) for job in snapshot.jobs),
        snapshot._replace(jobs=()),
    )


def _job_as_of(job: JobSnapshot, now_ns: int) -> JobSnapshot:
    return replace(
        job,
        age_ns=job.age_at(now_ns),
        drawn_ns=None,
        curve=job.curve.until(now_ns),
        held_curve=job.held_curve.until(now_ns),
        charge_curve=job.charge_curve.until(now_ns),
        processes=tuple(_process_as_of(process, now_ns) for process in job.processes),
    )


def _process_as_of(process: ProcessSnapshot, now_ns: int) -> ProcessSnapshot:
    curve = process.curve.until(now_ns)
    return replace(process, age_ns=process.age_at(now_ns), drawn_ns=None, curve=curve)
