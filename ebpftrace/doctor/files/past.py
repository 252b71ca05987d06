"""What a job took in its past runs, from the history."""

from ebpftrace.doctor.files.context import PastUse
from ebpftrace.history.past import MOST_RUNS
from ebpftrace.history.store import Store


def past_use(store: Store, name: str) -> PastUse | None:
    """The most that the jobs with this name took in their last clean runs. HistoryError."""
    peaks = [
        run.peak_bytes
        for job in store.named(name)
        for run in [run for run in store.runs(job.key) if run.clean][:MOST_RUNS]
    ]
    return PastUse(name, max(peaks), len(peaks)) if peaks else None
