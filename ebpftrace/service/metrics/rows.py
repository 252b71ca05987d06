"""The lines of one job and of one process, for each family in order.

They are made once and used until the ledger draws the job anew: with ten thousand processes
of which most sleep, a scrape costs what changed.
"""

from collections.abc import Iterable, Sequence

from ebpftrace.counters import Usage
from ebpftrace.jobs.identity import RunOrigin
from ebpftrace.judge.finding import Finding
from ebpftrace.kubernetes.pod import Pod, PodContainer, place_of
from ebpftrace.ledger import JobSnapshot, JobState, ProcessSnapshot
from ebpftrace.service.metrics.families import JOB_FAMILIES, PROCESS_FAMILIES
from ebpftrace.units import NS_PER_SECOND

Rows = tuple[str, ...]
"""For each family its lines, each with a newline; "" without any."""

_JOB = [family.sample for family in JOB_FAMILIES]
_PROCESS = [family.sample for family in PROCESS_FAMILIES]
_NO_USAGE = Usage()


def job_rows(
    job: JobSnapshot, findings: Sequence[Finding] = (), pod: Pod | None = None
) -> Rows:
    """The lines of a job. One that has ended uses nothing, and keeps its peaks.

    `pod` is the one it is in; None where that is not known.
    """
    identity, cgroup = job.identity, job.cgroup
    container = None if pod is None else pod.container(place_of(identity.given_path).ids)
    running = job.state is JobState.RUNNING
    ours = f'job_key="{escaped(identity.key)}",job_name="{escaped(identity.name)}"'
    pressure = cgroup.pressure
    rate = job.growth.bytes_per_second if running else 0
    values: tuple[float | str | None, ...] = (
        f'{_JOB[0]}{{{ours},{_description(job, pod, container)}}} 1\n',
        int(running),
        len(job.processes),
        cgroup.charge_bytes if running else 0,
        cgroup.peak_charge_bytes,
        cgroup.limit_bytes,
        _by_type(_JOB[6], ours, job.usage if running else _NO_USAGE),
        job.held_bytes if running else 0,
        job.peak_bytes,
        job.growth.bytes_total,
        rate,
        job.seconds_to_limit if running else None,
        cgroup.limit_hits,
        job.oom_kills,
        job.stalls,
        job.stalled_ns / NS_PER_SECOND,
        None if pressure is None else pressure.some_ns / NS_PER_SECOND,
        None if pressure is None else pressure.full_ns / NS_PER_SECOND,
        _findings(_JOB[18], ours, findings),
        None if container is None else container.restarts,
        None if container is None else container.memory_limit_bytes,
        _last_ended(_JOB[21], ours, container),
    )  # fmt: skip
    return _rows(_JOB, ours, values)


def process_rows(process: ProcessSnapshot, job_key: str) -> Rows:
    """The lines of a process; `job_key` is escaped."""
    ours = f'job_key="{job_key}",pid="{process.pid}",comm="{escaped(process.comm)}"'
    return _rows(
        _PROCESS,
        ours,
        (
            _by_type(_PROCESS[0], ours, process.own),
            process.counters.peak_bytes,
            process.growth.bytes_total,
            process.trend.seconds_to_limit,
        ),
    )


def series_of(rows: Iterable[str]) -> int:
    """How many series these lines are."""
    return sum(row.count("\n") for row in rows)


def escaped(value: str) -> str:
    """A label's value."""
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _rows(names: Sequence[str], ours: str, values: Sequence[float | str | None]) -> Rows:
    return tuple(
        value if isinstance(value, str)
        else "" if value is None
        else f"{name}{{{ours}}} {value}\n"
        for name, value in zip(names, values, strict=True)
    )  # fmt: skip


def _by_type(name: str, ours: str, usage: Usage) -> str:
    return (
        f'{name}{{{ours},type="anon"}} {usage.anon_bytes}\n'
        f'{name}{{{ours},type="file"}} {usage.file_bytes}\n'
        f'{name}{{{ours},type="shmem"}} {usage.shmem_bytes}\n'
        f'{name}{{{ours},type="swap"}} {usage.swap_bytes}\n'
    )


def _description(job: JobSnapshot, pod: Pod | None, container: PodContainer | None) -> str:
    """What the job's own variables do not say, the pod's labels may."""
    identity = job.identity
    origin = identity.origin
    if pod is not None:
        origin = RunOrigin(*map(_either, origin, pod.run.origin))
    parts = [
        ("kind", identity.kind), ("cgroup", identity.cgroup),
        ("repository", origin.repository), ("workflow", origin.workflow),
        ("job", origin.job), ("url", origin.url),
    ]  # fmt: skip
    if pod is not None:
        name = "" if container is None else container.name
        parts += [
            ("namespace", pod.namespace), ("pod", pod.name), ("container", name),
            ("runner", pod.run.runner),
        ]  # fmt: skip
    return ",".join(f'{name}="{escaped(value)}"' for name, value in parts)


def _either(own: str, of_pod: str) -> str:
    return own or of_pod


def _last_ended(name: str, ours: str, container: PodContainer | None) -> str:
    if container is None or not container.last_reason:
        return ""
    return f'{name}{{{ours},reason="{escaped(container.last_reason)}"}} 1\n'


def _findings(name: str, ours: str, findings: Sequence[Finding]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        kind = (finding.detector, finding.severity.name.lower())
        counts[kind] = counts.get(kind, 0) + 1
    return "".join(
        f'{name}{{{ours},detector="{escaped(detector)}",severity="{severity}"}} {count}\n'
        for (detector, severity), count in sorted(counts.items())
    )
