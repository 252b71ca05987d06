"""What a watch keeps of each process and each job: the figures that its bound is made from."""

import random
from collections.abc import Iterator
from multiprocessing import get_context

from bench.figures import Row, Table
from bench.scale import Scale
from ebpftrace.counters import CgroupCounters
from ebpftrace.events import CgroupRead, ProcessKey, ProcessRead, ProcessStarted, StartCause
from ebpftrace.host.proc import self_cost
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import Ledger, SelfCost
from ebpftrace.ledger.clock import Clock
from ebpftrace.units import KIB, MIB, NS_PER_SECOND
from tests.support.scripted_probe import holding

_GROUP = 1000
_LONG = "\U0001f600" + "x" * 4000
"""With one such character Python keeps four bytes for each."""
_ARGS_BYTES = 8 * KIB  # that are kept of one process


def measure(scale: Scale) -> Iterator[Table]:
    """Processes that grow and shrink at each of so many readings, a second apart."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # each on a heap of its own
        together = pool.apply(_kept, (scale, False))
        apart = pool.apply(_kept, (scale, True))
        longest = pool.apply(_kept, (scale, True, _LONG))
    yield Table(
        "kept",
        f"resident memory for each of {scale.kept_processes} processes that never rest, after "
        f"{scale.kept_seconds} s",
        "KiB",
        (
            Row("each is a job in a cgroup of its own", (apart,)),
            Row("the same, with names as long as can be", (longest,)),
            Row("all are one job", (together,)),
        ),
    )


def _kept(scale: Scale, own_jobs: bool, long: str = "") -> float:
    """KiB a process; the ledger and the judge are a watch's, in scripted time.

    `long` is in the path of each job, and in the arguments of each process.
    """
    before = self_cost().rss_bytes
    numbers = random.Random(1)
    ledger, judge = Ledger(Clock(0, 0), watching="kept", began_ns=0), Judge()
    keys = [ProcessKey(_GROUP + n, NS_PER_SECOND + n) for n in range(scale.kept_processes)]
    groups = [_GROUP + (n if own_jobs else 0) for n in range(scale.kept_processes)]
    for key, group in zip(keys, groups, strict=True):
        start = ProcessStarted(
            NS_PER_SECOND, key, 1, StartCause.EXEC, "kept", group, args=_args(key.pid, long),
            counters=holding(10),
        )  # fmt: skip
        ledger.apply(start, _job(group, long))
    held = dict.fromkeys(keys, 10.0)
    for second in range(2, scale.kept_seconds + 2):
        now = second * NS_PER_SECOND
        for key in keys:
            held[key] = max(1.0, held[key] + numbers.uniform(-1, 1.3))
            ledger.apply(ProcessRead(now, key, holding(held[key])))
        for key, group in dict(zip(keys, groups, strict=True)).items():
            if own_jobs or key is keys[0]:
                counters = CgroupCounters(
                    charge_bytes=round(held[key] * MIB), limit_bytes=1024 * MIB
                )
                ledger.apply(CgroupRead(now, group, counters))
        judge.judge(ledger.snapshot(now, now, cost=SelfCost()))
        ledger.drain_notes()
    return (self_cost().rss_bytes - before) / len(keys) / KIB


def _args(pid: int, long: str) -> tuple[str, ...]:
    if not long:
        return ("kept", "x" * 100)
    args = tuple(f"{pid}-{number}-{long}"[:256] for number in range(_ARGS_BYTES // KIB))
    return ("kept", *args)


def _job(group: int, long: str) -> JobIdentity:
    path = f"/ci/job-{group}{long}"
    key = f"cgroup:{path}"
    return JobIdentity(path, path[:256], "cgroup", "its cgroup", path, group, restart_key=key)
