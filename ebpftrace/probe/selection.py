"""Which processes are watched."""

import shlex
from typing import NamedTuple

from ebpftrace.text import clean


class Selection(NamedTuple):
    """Selectors: each kind that is given must match, by any of its values.

    `comms` and `exes` are globs; `go_mains` are globs over the main package path of a Go
    program; `cgroups` are paths of memory cgroups, with all below them. `children` adds
    every descendant of a selected process, whatever its name.
    """

    comms: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    cgroups: tuple[str, ...] = ()
    exes: tuple[str, ...] = ()
    go_mains: tuple[str, ...] = ()
    children: bool = False

    @property
    def takes_whole_jobs(self) -> bool:
        """Whether all processes of a job are selected, and not some of its programs."""
        named = (self.exes, self.go_mains, self.pids)
        return not any(named) and (not self.comms or "*" in self.comms)

    @property
    def in_words(self) -> str:
        """`comm gopls or go*, in cgroup /ci, with children`."""
        kinds = (
            ("comm", self.comms),
            ("pid", tuple(map(str, self.pids))),
            ("exe", self.exes),
            ("Go program", self.go_mains),
            ("cgroup", self.cgroups),
        )
        words = [
            f"{kind} {' or '.join(shlex.quote(clean(value)) for value in values)}"
            for kind, values in kinds
            if values
        ]
        return ", ".join(words or ["every process"]) + (
            ", with children" if self.children else ""
        )
