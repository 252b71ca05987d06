"""A reader of `--changes`, as docs/jsonl.md tells it to be."""

from typing import Any

Record = dict[str, Any]


class ChangesReader:
    """`snapshot` is the latest whole snapshot; None while a record is missing."""

    def __init__(self) -> None:
        self.snapshot: Record | None = None

    def take(self, record: Record) -> None:
        if record["type"] == "snapshot":
            self.snapshot = record
        elif record["type"] == "changes":
            before = self.snapshot
            if before is None or before["sequence"] != record["since"]:
                self.snapshot = None  # one was dropped: wait for the next snapshot
            else:
                self.snapshot = _applied(before, record)


def _applied(before: Record, record: Record) -> Record:
    passed_ns = record["monotonic_ns"] - before["monotonic_ns"]
    jobs = {job["key"]: _aged(job, passed_ns) for job in before["jobs"]}
    for key in record["gone"]:
        del jobs[key]
    jobs |= {job["key"]: job for job in record["jobs"]}
    whole = {name: value for name, value in record.items() if name not in ("since", "gone")}
    return whole | {"type": "snapshot", "jobs": list(jobs.values())}


def _aged(job: Record, passed_ns: int) -> Record:
    processes = [
        process | {"age_ns": process["age_ns"] + passed_ns} for process in job["processes"]
    ]
    return job | {"age_ns": job["age_ns"] + passed_ns, "processes": processes}
