"""All nodes at one moment: what Prometheus answers, as the snapshot that a view shows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ebpftrace.counters import Usage
from ebpftrace.fleet.api import PrometheusApi, Series
from ebpftrace.fleet.queries import Fleet
from ebpftrace.fleet.reading import JobLabels, by_job
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, Node, SelfCost, Snapshot
from ebpftrace.ledger.clock import Clock
from ebpftrace.text import clean

Found = tuple[JobIdentity, str, str]
"""The job, detector and severity of a finding in force."""


class FleetReading(NamedTuple):
    """The answers to one round of queries."""

    jobs: tuple[JobSnapshot, ...]  # largest first
    findings: tuple[Found, ...]
    figures: Mapping[str, int]
    losses: Mapping[str, int]


def read(api: PrometheusApi, fleet: Fleet, most: int, clock: Clock) -> FleetReading:
    """Ask for the jobs that are full the soonest, `most` at most. PrometheusError."""
    labels = [JobLabels.of(one) for one in api.query(fleet.soonest(most))]
    answers: Sequence[list[Series]] = ()
    if labels:
        answers = [
            api.query(ask(labels)) for ask in (fleet.jobs, fleet.curves, fleet.processes)
        ]
    found = by_job(labels, answers)
    jobs = [one.snapshot(clock.monotonic_to_unix_ns) for one in found.values()]
    return FleetReading(
        jobs=tuple(sorted(jobs, key=lambda job: -job.usage.resident_bytes)),
        findings=tuple(
            (one.identity, *finding) for one in found.values() for finding in one.findings
        ),
        figures=_by_label(api.query(fleet.figures()), "figure"),
        losses=_by_label(api.query(fleet.losses()), "cause"),
    )


def snapshot(
    reading: FleetReading, where: str, sequence: int, now_ns: int, began_ns: int, clock: Clock,
    cost: SelfCost,
) -> Snapshot:  # fmt: skip
    """What a view shows of it. Times are CLOCK_MONOTONIC."""
    figures, losses = reading.figures, dict(reading.losses)
    if figures.get("unscraped"):
        losses["unscraped_nodes"] = figures["unscraped"]
    nodes, total = figures.get("nodes", 0), figures.get("total_bytes", 0)
    jobs = figures.get("jobs", 0)
    first = f"{jobs:,} jobs in all, " if jobs > len(reading.jobs) else ""
    return Snapshot(
        sequence=sequence,
        time_ns=clock.unix_ns(now_ns),
        monotonic_ns=now_ns,
        elapsed_ns=now_ns - began_ns,
        watching=f"{first}{where}",
        jobs=reading.jobs,
        usage=sum((job.usage for job in reading.jobs), Usage()),
        losses=losses,
        cost=cost,
        node=Node(total, figures.get("available_bytes", 0), nodes) if nodes else None,
        node_oom_kills=figures.get("oom_kills", 0),
        waiting_for=f"a job in {where}",
    )


def _by_label(answer: Sequence[Series], label: str) -> dict[str, int]:
    return {clean(one.labels.get(label, "")): round(one.value) for one in answer}
