"""The rows of the list: jobs and processes, filtered and sorted."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.ledger import Curve, JobSnapshot, ProcessSnapshot, Snapshot
from ebpftrace.ledger.clock import Aging
from ebpftrace.views.dashboard.model.state import DashboardState, RowKey, Sort


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a job, or a process below it."""

    job: JobSnapshot
    process: ProcessSnapshot | None = None
    folded: bool = False
    now_ns: int | None = None  # of the snapshot; None: that in which the subject was drawn

    @property
    def curve(self) -> Curve:
        """What the job or process held until the snapshot."""
        curve = (self.process or self.job).curve
        return curve if self.now_ns is None else curve.until(self.now_ns)

    @property
    def age_ns(self) -> int:
        """How old the job or process is in the snapshot."""
        subject: Aging = self.process or self.job
        return subject.age_ns if self.now_ns is None else subject.age_at(self.now_ns)

    @property
    def is_remote(self) -> bool:
        """Whether it is on another node, of which less is known."""
        return bool(self.job.identity.node)

    @property
    def key(self) -> RowKey:
        return RowKey(self.job.identity.key, self.process.key if self.process else None)


def rows(snapshot: Snapshot, state: DashboardState) -> list[Row]:
    """All rows, on the screen or not. A filter does not unfold a job."""
    filter_text, now_ns = state.filter_text.casefold(), snapshot.monotonic_ns
    listed: list[Row] = []
    for job in _sorted_jobs(snapshot.jobs, state.sort):
        processes: Sequence[ProcessSnapshot] = job.processes
        if filter_text and not _job_matches(job, filter_text):
            processes = [p for p in processes if _process_matches(p, filter_text)]
            if not processes:
                continue
        folded = state.is_folded(job.identity.key)
        listed.append(Row(job, None, folded, now_ns))
        if not folded:
            listed += [
                Row(job, process, now_ns=now_ns)
                for process in _sorted_processes(processes, state.sort)
            ]
    return listed


def find(rows: Sequence[Row], state: DashboardState) -> int:
    """The index of the cursor's row, else of its job's row, else where it was; 0..n-1."""
    if not rows or state.cursor is None:
        return 0
    job_row = None
    for index, row in enumerate(rows):
        if row.job.identity.key == state.cursor.job:
            process = row.process.key if row.process else None
            if process == state.cursor.process:
                return index
            if process is None:
                job_row = index
                if row.folded:
                    return index
    if job_row is not None and state.cursor.process is None:
        return job_row
    return min(state.index, len(rows) - 1)


def _sorted_jobs(jobs: Sequence[JobSnapshot], sort: Sort) -> Sequence[JobSnapshot]:
    if sort is Sort.GROWTH:
        return sorted(jobs, key=lambda job: -job.growth.bytes_per_second)
    if sort is Sort.TIME:
        return sorted(jobs, key=_time_order)
    if sort is Sort.NAME:
        return sorted(jobs, key=lambda job: (job.identity.name.casefold(), job.identity.key))
    return jobs  # snapshots list jobs by size


def _time_order(job: JobSnapshot) -> tuple[float, float]:
    seconds = job.seconds_to_limit
    # Jobs that do not grow come last, the fullest of them first.
    return (float("inf") if seconds is None else seconds, -(job.limit_share or 0.0))


def _sorted_processes(
    processes: Sequence[ProcessSnapshot], sort: Sort
) -> Sequence[ProcessSnapshot]:
    if sort in {Sort.GROWTH, Sort.TIME}:
        return sorted(processes, key=lambda process: -process.growth.bytes_per_second)
    if sort is Sort.NAME:
        return sorted(processes, key=lambda process: (process.comm.casefold(), process.pid))
    return processes


def _job_matches(job: JobSnapshot, filter_text: str) -> bool:
    identity = job.identity
    words = (identity.name, identity.kind, identity.cgroup, identity.node)
    return any(filter_text in word.casefold() for word in words)


def _process_matches(process: ProcessSnapshot, filter_text: str) -> bool:
    return (
        filter_text in process.comm.casefold()
        or filter_text in str(process.pid)
        or filter_text in process.cmdline.casefold()
    )
