"""An incident: what set it off, who is meant, and the facts that hooks are told."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, CacheDirs
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding

_PREFIX = "EBPFTRACE_"


@dataclass(frozen=True, slots=True)
class Incident:
    """One finding that met a policy. Sizes are bytes.

    `held_bytes` is what the job (or, if it was judged, the process) held as it began;
    `job_held_bytes` is always of the job. `began_ns` is CLOCK_MONOTONIC, `time_ns` Unix
    time. `folder` is the job's memory cgroup; `curve` the last minutes of the job as
    (monotonic_ns, held, charged).
    """

    id: str
    policy: str
    finding: Finding
    job: JobIdentity
    target: Target
    comm: str
    began_ns: int
    time_ns: int
    held_bytes: int
    job_held_bytes: int
    limit_bytes: int | None
    folder: Path | None = None
    evidence: Path | None = None  # set once a capture is done
    curve: tuple[tuple[int, int, int], ...] = ()
    company: frozenset[ProcessKey] = frozenset()  # the job's processes as it began
    places: CacheDirs = NO_CACHE_DIRS  # what the target's GOCACHE, TMPDIR, … are
    others: tuple[Target, ...] = ()  # meant as the target is: no one process was too much
    kin: frozenset[str] = frozenset()  # names of descendants that end after the target

    def unix_ns(self, monotonic_ns: int) -> int:
        """A moment of this incident as Unix time."""
        return self.time_ns + monotonic_ns - self.began_ns

    @property
    def who(self) -> str:
        """`gopls 4711`, `worker 4711 and 7 others`."""
        one, more = f"{self.comm} {self.target.key.pid}", len(self.others)
        return f"{one} and {more} other{'s' * (more > 1)}" if more else one

    @property
    def meant(self) -> tuple[Target, ...]:
        """The target, and the others that are meant as it is."""
        return (self.target, *self.others)

    @property
    def spread(self) -> bool:
        """Whether no single process accounted for what was too much."""
        return bool(self.others or self.kin)


def facts(incident: Incident) -> dict[str, Any]:
    """What hooks are told, as JSON: the keys are documented in docs/policy.md."""
    finding, job, target = incident.finding, incident.job, incident.target
    return {
        "incident": incident.id,
        "policy": incident.policy,
        "detector": finding.detector,
        "severity": finding.severity.name.lower(),
        "sentence": finding.sentence,
        "measured": finding.measured,
        "bound": finding.bound,
        "unit": finding.unit,
        "seconds_to_limit": finding.seconds_to_limit,
        "pid": target.key.pid,
        "start_boottime_ns": target.key.start_boottime_ns,
        "other_pids": [one.key.pid for one in incident.others],
        "comm": incident.comm,
        "job": job.name,
        "job_kind": job.kind,
        "job_key": job.key,
        "cgroup": target.cgroup,
        "cgroup_folder": None if incident.folder is None else str(incident.folder),
        "held_bytes": incident.held_bytes,
        "job_held_bytes": incident.job_held_bytes,
        "limit_bytes": incident.limit_bytes,
        "time_ns": incident.time_ns,
        "evidence": None if incident.evidence is None else str(incident.evidence),
    }


def facts_json(incident: Incident) -> bytes:
    """The facts in one line of JSON."""
    return json.dumps(facts(incident), separators=(",", ":")).encode() + b"\n"


def variables(incident: Incident) -> dict[str, str]:
    """The facts as EBPFTRACE_* variables; what is not known is empty."""
    return {
        _PREFIX + name.upper(): _as_variable(value) for name, value in facts(incident).items()
    }


def _as_variable(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def environment(
    incident: Incident, added: Mapping[str, str], base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What a hook is started with: ours, without old facts, then these and `added`."""
    kept = {name: value for name, value in base.items() if not name.startswith(_PREFIX)}
    return kept | variables(incident) | dict(added)
