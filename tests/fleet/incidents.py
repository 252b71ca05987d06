"""Incidents about a real process that stands for one of a pod."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ebpftrace.act.incident.incident import Incident
from tests.fleet.objects import CONTAINER_ID
from tests.support.incidents import about, sleeping


@contextmanager
def incident(folder: Path, uid: str) -> Iterator[Incident]:
    """One about a process that is in this pod by the path of its job's cgroup."""
    with sleeping(folder, "build") as pid:
        made = about(pid)
        path = f"/kubepods/burstable/pod{uid}/{CONTAINER_ID}"
        yield replace(made, job=made.job._replace(given_path=path))
