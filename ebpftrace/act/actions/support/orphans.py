"""Which descendants of the target end with it."""

from collections.abc import Iterator
from typing import Literal

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.descendants import descendants_of
from ebpftrace.act.process.identity import Target
from ebpftrace.host import proc

_GO = frozenset({"go", "compile", "link", "asm", "cgo", "vet", "cover", "buildid", "covdata"})
"""The go command and the tools it runs. Source: cmd/go and pkg/tool of a Go tree."""


def orphans_of(incident: Incident, which: Literal["go", "all", "none"]) -> Iterator[Target]:
    """The descendants of the targets to end with them, in the targets' memory cgroups.

    Those that `which` selects, and those that the incident names.
    """
    if which == "none" and not incident.descendant_names:
        return
    names = incident.descendant_names | (_GO if which == "go" else frozenset())
    targets = {target.key for target in incident.targets}
    cgroups = {target.cgroup for target in incident.targets}
    for descendant in descendants_of(*targets):
        if descendant.key in targets or descendant.cgroup not in cgroups:
            continue
        if which == "all" or proc.read_comm(descendant.key.pid) in names:
            yield descendant
