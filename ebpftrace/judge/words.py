"""The parts of the sentences of findings."""

from ebpftrace.judge.attribution import attribute, unattributed
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.sharing import limit_is_shared, nearer_shared
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.trend import Trend
from ebpftrace.units import format_bytes

_ALL = 0.98
_KERNEL = 0.1  # a smaller part of kernel memory is not mentioned: every process has some


def size(number: float) -> str:
    """`312 MiB`, `2 GiB`, `1.5 GiB`."""
    return format_bytes(round(number)).replace(".0 ", " ")


def share(part: float) -> str:
    return f"{part:.0%}"


def exact_size(number: float) -> str:
    """A setting as the dashboards write sizes: `2.0 GiB`, `512 MiB`."""
    return format_bytes(round(number))


def exact_share(part: float) -> str:
    """A setting as it was written: `85%`, `12.5%`."""
    return f"{100 * part:.6g}%"


def seconds(number: float) -> str:
    """`0.4 s`, `71 s`, `12 min`, `3.5 h`."""
    if number < 9.95:
        return f"{number:.1f} s".replace(".0 s", " s")
    if number < 119.5:
        return f"{number:.0f} s"
    if number < 119.5 * 60:
        return f"{number / 60:.0f} min"
    return f"{number / 3600:.1f} h"


def kinds(before: Sample, now: Sample) -> str:
    """What was gained: `anon only`, `shmem only`, `anon and kernel memory`, and the like."""
    anon = max(0, now.anon_bytes - before.anon_bytes)
    shmem = max(0, now.shmem_bytes - before.shmem_bytes)
    kernel = max(0, now.kernel_bytes - before.kernel_bytes)
    if kernel > (anon + shmem + kernel) * _KERNEL:
        others = [
            name
            for name, part in (("anon", anon), ("shmem", shmem))
            if part > kernel * (1 - _ALL)
        ]
        if not others:
            return "kernel memory only"
        return f"{', '.join(others)} and kernel memory"
    if anon >= (anon + shmem) * _ALL:
        return "anon only"
    if shmem >= (anon + shmem) * _ALL:
        return "shmem only"
    return "anon and shmem"


def kernel_part(kernel_bytes: int, held_bytes: int) -> str:
    """`, 180 MiB of it kernel memory`; empty where that is a small part of what is held."""
    if kernel_bytes <= held_bytes * _KERNEL:
        return ""
    return f", {size(kernel_bytes)} of it kernel memory"


def climbed(samples: Samples, climb: SteadyClimb) -> str:
    """`has climbed by 720 MiB in 72 s, anon only`."""
    now = samples.now
    what = kinds(samples.before(now.time_ns - climb.since_ns), now)
    return f"has climbed by {size(climb.gain_bytes)} in {seconds(climb.seconds)}, {what}"


def limit(sample: Sample) -> str:
    """`the limit of 200 MiB`, and of a shared one its cgroup: see `shared_limit`."""
    if limit_is_shared(sample):
        return shared_limit(sample)
    return f"the limit of {size(sample.limit_bytes or 0)}"


def shared_limit(sample: Sample) -> str:
    """`the limit of 230 MiB of /node, shared with one other job`."""
    shared = sample.shared
    assert shared is not None
    return limit_of(shared.limit_bytes, shared.path, sample.other_jobs)


def limit_of(limit_bytes: int, path: str, other_jobs: int) -> str:
    """The same of a limit of the cgroup `path`; "" is the job's own."""
    if not path:
        return f"the limit of {size(limit_bytes)}"
    others = "other cgroups"
    if other_jobs:
        others = "one other job" if other_jobs == 1 else f"{other_jobs} other jobs"
    return f"the limit of {size(limit_bytes)} of {path}, shared with {others}"


def ahead(sample: Sample, trend: Trend, rate: str = "this rate") -> str:
    """When the nearest limit will be reached, as the end of a sentence; else empty.

    `rate` is what the sentence calls the rate of the trend.
    """
    left = trend.seconds_to_limit
    if sample.limit_bytes is None or left is None:
        return ""
    nearest = shared_limit(sample) if nearer_shared(sample) else limit(sample)
    if left <= 0:
        return f"; {nearest} is reached"
    away = "less than a second" if left < 1 else seconds(left)
    verb = "," if "," in nearest else ""
    return f"; at {rate} {nearest}{verb} is {away} away"


def label(job: JobSnapshot, process: ProcessSnapshot | None = None) -> str:
    """`gopls 4711 in job github/build-42`, or `job github/build-42`."""
    name = f"job {job.identity.kind}/{job.identity.name}"
    return name if process is None else f"{process.comm} {process.pid} in {name}"


def subject(job: JobSnapshot, gained_since_ns: int | None) -> tuple[str, str]:
    """What a sentence about a whole job begins and ends with.

    One process that has nearly all of what was judged is the subject itself; with two
    thirds it is named at the end. Without such a process, the end states how much of the
    job no watched process has. `gained_since_ns`: see `attribute`.
    """
    found = attribute(job, gained_since_ns)
    if found is not None:
        if found.is_alone:
            return label(job, found.process), ""
        return label(job), f"; {found.words}"
    rest = unattributed(job)
    return label(job), f"; {rest.words()}" if rest.is_noted else ""
