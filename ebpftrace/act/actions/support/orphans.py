"""Which descendants of the target end with it."""

from collections.abc import Iterator
from typing import Literal

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.descendants import family_of
from ebpftrace.act.process.identity import Target
from ebpftrace.host import proc

_GO = frozenset({"go", "compile", "link", "asm", "cgo", "vet", "cover", "buildid", "covdata"})
"""The go command and what it runs of itself. Source: cmd/go and pkg/tool of a Go tree."""


def orphans_of(incident: Incident, which: Literal["go", "all", "none"]) -> Iterator[Target]:
    """Which descendants end with those that are meant: those in the same memory cgroup.

    What `which` says, and those the incident names.
    """
    if which == "none" and not incident.descendant_names:
        return
    names = incident.descendant_names | (_GO if which == "go" else frozenset())
    meant = {target.key for target in incident.targets}
    cgroups = {target.cgroup for target in incident.targets}
    for one in family_of(*meant):
        if one.key in meant or one.cgroup not in cgroups:
            continue
        if which == "all" or proc.read_comm(one.key.pid) in names:
            yield one
