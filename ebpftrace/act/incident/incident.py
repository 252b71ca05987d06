"""An incident: what triggered it, its target processes, and the facts passed to hooks."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS, CacheDirs
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Curve, evidence_points

_PREFIX = "EBPFTRACE_"
_NO_CURVE = Curve()
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one each time


@dataclass(slots=True)
class SignalMark:
    """How the kernel side knows what has the memory of the processes that a step signalled."""

    number: int = 0  # 0: none was signalled yet
    shmem_bytes: int = 0  # of the cgroup before the first signal


@dataclass(frozen=True, slots=True)
class Incident:
    """A finding that triggered a policy. Sizes are bytes.

    `held_bytes` is what the job (or the process, if that was judged) held at the start;
    `job_held_bytes` is always the job's. `began_ns` is CLOCK_MONOTONIC, `time_ns` Unix
    time. `cgroup_folder` is the job's memory cgroup. The curves are what the job held and
    was charged for in its last 15 minutes.
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
    cgroup_folder: Path | None = None
    evidence: Path | None = None  # set once a capture is done
    held_curve: Curve = _NO_CURVE
    charge_curve: Curve = _NO_CURVE
    initial_processes: frozenset[ProcessKey] = frozenset()  # the job's, at the start
    cache_dirs: CacheDirs = NO_CACHE_DIRS  # what the target's GOCACHE, TMPDIR, … name
    other_targets: tuple[Target, ...] = ()  # a group is ended as one
    descendant_names: frozenset[str] = frozenset()  # descendants to end after the target
    signalled: set[ProcessKey] = field(default_factory=set, compare=False)
    """The processes that a step has signalled. They may execute a program or leave their cgroup
    to evade the next step, and stay targets. Later versions of the incident share this set."""

    mark: SignalMark = field(default_factory=SignalMark, compare=False)
    """Shared as well."""

    def unix_ns(self, monotonic_ns: int) -> int:
        """A moment of this incident as Unix time."""
        return self.time_ns + monotonic_ns - self.began_ns

    @property
    def curve(self) -> tuple[tuple[int, int, int], ...]:
        """Both curves until the begin, as `evidence_points` has them."""
        return evidence_points(
            self.held_curve.until(self.began_ns), self.charge_curve.until(self.began_ns)
        )

    @property
    def target_name(self) -> str:
        """`gopls 4711`, `worker 4711 and 7 others`."""
        name, others = f"{self.comm} {self.target.key.pid}", len(self.other_targets)
        return f"{name} and {others} other{'s' * (others > 1)}" if others else name

    @property
    def targets(self) -> tuple[Target, ...]:
        """The target and, for a group, its other members."""
        return (self.target, *self.other_targets)

    @property
    def is_group(self) -> bool:
        """Whether no single process accounts for the memory: a group, or a parent's tree."""
        return bool(self.other_targets or self.descendant_names)


def facts(incident: Incident) -> dict[str, Any]:
    """The facts passed to hooks; docs/policy.md documents the keys."""
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
        "other_pids": [target.key.pid for target in incident.other_targets],
        "comm": incident.comm,
        "job": job.name,
        "job_kind": job.kind,
        "job_key": job.key,
        "cgroup": target.cgroup,
        "cgroup_folder": _path(incident.cgroup_folder),
        "held_bytes": incident.held_bytes,
        "job_held_bytes": incident.job_held_bytes,
        "limit_bytes": incident.limit_bytes,
        "time_ns": incident.time_ns,
        "evidence": _path(incident.evidence),
    }


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def facts_json(known: Mapping[str, Any]) -> bytes:
    """The facts as one line of JSON."""
    return _ENCODER.encode(known).encode() + b"\n"


def variables(known: Mapping[str, Any]) -> dict[str, str]:
    """The facts as EBPFTRACE_* variables; an unknown fact is empty."""
    return {_PREFIX + name.upper(): _as_variable(value) for name, value in known.items()}


def _as_variable(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def environment(
    known: Mapping[str, Any], added: Mapping[str, str], base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A hook's environment: `base` without EBPFTRACE_*, plus the facts `known` and `added`.

    By default `base` is this program's own, as it was when the first hook was started.
    """
    kept = _own_environment() if base is None else _without_facts(base)
    return kept | variables(known) | dict(added)


def _without_facts(base: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in base.items() if not name.startswith(_PREFIX)}


def prepare_environment() -> None:
    """Read this program's own environment, if that was not done."""
    _own_environment()


@cache
def _own_environment() -> dict[str, str]:
    """Each variable is decoded anew by os.environ, and a hook waits for it."""
    return _without_facts(os.environ)
