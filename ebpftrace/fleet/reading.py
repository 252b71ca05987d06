"""The values that Prometheus has of one job, as the snapshot of that job."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ebpftrace.counters import CgroupContents, CgroupCounters, ProcessCounters, Usage
from ebpftrace.events import ProcessKey
from ebpftrace.fleet.api import Series
from ebpftrace.jobs.identity import JobIdentity, RunOrigin
from ebpftrace.ledger import Curve, GrowthRates, JobSnapshot, JobState, ProcessSnapshot
from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.curve import CurveKeeper
from ebpftrace.ledger.snapshot import ProcessState
from ebpftrace.ledger.trend import Trend
from ebpftrace.text import PATH_LIMIT, clean
from ebpftrace.units import NS_PER_SECOND

_JOB, _PROCESS = "ebpftrace_job_", "ebpftrace_process_memory_"


class JobLabels(NamedTuple):
    """What a job is known by among all nodes: labels as Prometheus has them."""

    instance: str
    job_key: str

    @classmethod
    def of(cls, series: Series) -> "JobLabels":
        """Those of a series."""
        return cls(series.labels.get("instance", ""), series.labels.get("job_key", ""))

    @property
    def key(self) -> str:
        """Unique among the jobs of all nodes."""
        return clean(f"{self.instance}/{self.job_key}", PATH_LIMIT)


class RemoteJob:
    """The series of one job: by name, and by name and type; its findings, its processes."""

    def __init__(self, labels: JobLabels) -> None:
        self._labels = labels
        self._values: dict[str, float] = {}
        self._processes: dict[tuple[str, str], dict[str, float]] = {}
        self._info: Mapping[str, str] = {}
        self._held: Sequence[tuple[float, float]] = ()
        self.findings: list[tuple[str, str]] = []  # detector and severity

    def add(self, series: Series) -> None:
        """A value of the job, or of a process of it, or (of a matrix) what it held."""
        labels = series.labels
        name = labels.get("__name__", "")
        kind = labels.get("type", "")
        if name == f"{_JOB}info":
            self._info = labels
        elif name == f"{_JOB}findings":
            found = (clean(labels.get("detector", "")), labels.get("severity", ""))
            if series.value:
                self.findings.append(found)
        elif name.startswith(_PROCESS):
            key = labels.get("pid", ""), labels.get("comm", "")
            values = self._processes.setdefault(key, {})
            values[name.removeprefix(_PROCESS) + kind] = series.value
        elif len(series.points) > 1:
            self._held = series.points
        else:
            self._values[name.removeprefix(_JOB) + kind] = series.value

    def snapshot(self, monotonic_to_unix_ns: int) -> JobSnapshot:
        """The job; what Prometheus does not have of it is 0."""
        usage = self._usage(self._values, "memory_bytes")
        processes = tuple(sorted(
            (self._process(*key, values) for key, values in self._processes.items()),
            key=lambda process: -process.own.resident_bytes,
        ))  # fmt: skip
        rate = self._get("memory_growth_bytes_per_second")
        curve = _curve(self._held, monotonic_to_unix_ns)
        number = self._get("processes")
        return JobSnapshot(
            identity=self.identity,
            cgroup=self._cgroup(usage),
            usage=usage,
            peak_bytes=self._get("memory_peak_bytes"),
            peak_holder="",
            growth=GrowthRates(
                bytes_total=self._get("memory_growth_bytes"), bytes_per_second=rate
            ),
            oom_kills=self._get("oom_events_total"),
            stalled_ns=round(
                self._values.get("memory_stall_seconds_total", 0.0) * NS_PER_SECOND
            ),
            stalls=self._get("memory_stalls_total"),
            age_ns=0,
            state=JobState.RUNNING if self._get("running") else JobState.IDLE,
            started=number,
            processes=processes,
            alone=True,
            group_usage=usage,
            trend=_trend(rate, self._values.get("memory_limit_eta_seconds")),
            curve=curve,
            held_curve=curve,
            unlisted_processes=max(0, number - len(processes)),
        )

    @property
    def identity(self) -> JobIdentity:
        """The job's, with the node it runs on."""
        info = self._info
        node = info.get("node") or _host(self._labels.instance)
        return JobIdentity(
            key=self._labels.key,
            name=clean(info.get("job_name", self._labels.job_key)),
            kind=clean(info.get("kind", "job")),
            identified_by=clean(f"ebpftrace at {self._labels.instance}"),
            cgroup=clean(info.get("cgroup", ""), PATH_LIMIT),
            cgroup_id=0,
            # The scrape has a label `job` of its own.
            origin=RunOrigin(*(
                clean(info.get(name, ""))
                for name in ("repository", "workflow", "exported_job", "url")
            )),
            node=clean(node),
        )  # fmt: skip

    def _cgroup(self, usage: Usage) -> CgroupCounters:
        """Of the charge, what is held cannot be dropped; the rest is page cache."""
        charge, held = self._get("memory_usage_bytes"), self._get("memory_held_bytes")
        limit = self._get("spec_memory_limit_bytes") or None
        kept = max(0, held - usage.swap_bytes)
        return CgroupCounters(
            charge_bytes=charge,
            peak_charge_bytes=self._get("memory_max_usage_bytes"),
            limit_bytes=limit,
            headroom_bytes=None if limit is None else max(0, limit - charge),
            limit_hits=self._get("memory_failures_total"),
            contents=CgroupContents(
                anon_bytes=max(0, kept - usage.shmem_bytes),
                shmem_bytes=min(kept, usage.shmem_bytes),
                cache_bytes=max(0, charge - kept),
                kernel_bytes=0,  # it is in what is held
            ),
        )

    def _process(self, pid: str, comm: str, values: Mapping[str, float]) -> ProcessSnapshot:
        number = int(pid) if pid.isascii() and pid.isdigit() and len(pid) < 8 else 0
        usage = self._usage(values, "bytes")
        return ProcessSnapshot(
            key=ProcessKey(number, 0),
            start_time_ns=0,
            parent_pid=0,
            comm=clean(comm),
            program="",
            args=(),
            counters=ProcessCounters(
                usage=usage, peak_bytes=round(values.get("peak_bytes", 0))
            ),
            growth=GrowthRates(bytes_total=round(values.get("growth_bytes", 0))),
            age_ns=0,
            state=ProcessState.RUNNING,
        )

    @staticmethod
    def _usage(values: Mapping[str, float], name: str) -> Usage:
        return Usage(*(
            round(values.get(f"{name}{kind}", 0)) for kind in ("anon", "file", "shmem", "swap")
        ))  # fmt: skip

    def _get(self, name: str) -> int:
        return round(self._values.get(name, 0))


def by_job(
    jobs: Sequence[JobLabels], answers: Iterable[Iterable[Series]]
) -> Mapping[JobLabels, RemoteJob]:
    """The series of these jobs alone: an answer may have others."""
    found = {labels: RemoteJob(labels) for labels in jobs}
    for answer in answers:
        for series in answer:
            job = found.get(JobLabels.of(series))
            if job is not None:
                job.add(series)
    return found


def _trend(rate: int, seconds: float | None) -> Trend:
    climb = SteadyClimb(0, 0, 0, float(rate)) if rate > 0 else None
    return Trend(climb, None if seconds is None else round(rate * seconds))


def _curve(points: Sequence[tuple[float, float]], monotonic_to_unix_ns: int) -> Curve:
    keeper = CurveKeeper()
    for seconds, value in points:
        at_ns = round(seconds * NS_PER_SECOND) - monotonic_to_unix_ns
        if at_ns > 0:  # before the boot there is no such time
            keeper.add(at_ns, round(value))
    return keeper.curve()


def _host(instance: str) -> str:
    """`node-1` of `node-1:9435`."""
    host, colon, port = instance.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else instance
