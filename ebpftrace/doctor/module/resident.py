"""What gopls takes to load a module: `gopls stats`, with an empty and a filled file cache."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.module.owner import ModuleOwner, Ran
from ebpftrace.errors import EbpftraceError
from ebpftrace.run.cgroup import CommandCgroup, NoCgroupError, make_cgroup
from ebpftrace.text import clean
from ebpftrace.units import MIB

_SECONDS, _MOST_SAID = 600.0, 4 * MIB


class Taken(NamedTuple):
    """Of one run: the most that gopls had resident.

    `charged_bytes` is the most that its memory cgroup was charged for, page cache and the go
    commands that it starts included; None where no cgroup can be made.
    """

    peak_bytes: int
    charged_bytes: int | None
    seconds: float


class GoplsTook(NamedTuple):
    """With an empty file cache, and again with what the first run left there."""

    version: str
    cold: Taken
    warm: Taken


def measure_gopls(owner: ModuleOwner, program: str = "") -> GoplsTook | None:
    """Load the owner's module twice; None where there is no gopls, nor `program`.

    EbpftraceError if it fails, or takes longer than ten minutes.
    """
    gopls = program or owner.program("gopls")
    if gopls is None:
        return None
    with tempfile.TemporaryDirectory(prefix="ebpftrace-", ignore_cleanup_errors=True) as name:
        owner.give(Path(name))
        version, cold = _loaded(owner, gopls, name)
        _, warm = _loaded(owner, gopls, name)
    return GoplsTook(version, cold, warm)


def _loaded(owner: ModuleOwner, gopls: str, cache: str) -> tuple[str, Taken]:
    cgroup = None
    with contextlib.suppress(NoCgroupError):
        cgroup = make_cgroup()
    try:
        ran = owner.run(
            [gopls, "stats", "-anon"],
            seconds=_SECONDS,
            most_bytes=_MOST_SAID,
            environment={"GOPLSCACHE": cache},
            procs=None if cgroup is None else cgroup.procs,
        )
        return parse_stats(ran, cgroup)
    except OSError as error:
        why = error.strerror or str(error)
        raise EbpftraceError("gopls cannot be started", why=why) from error
    finally:
        if cgroup is not None:
            cgroup.remove()


def parse_stats(ran: Ran, cgroup: CommandCgroup | None = None) -> tuple[str, Taken]:
    """Its version, and what it took; EbpftraceError if it failed."""
    try:
        stats = json.loads(ran.output)
        version = str(stats["GoplsVersion"])
    except (ValueError, KeyError, TypeError) as error:
        said = [line for line in ran.errors.splitlines() if line.strip()]
        why = clean(said[-1], 200) if said else "it says nothing"
        raise EbpftraceError("`gopls stats` failed", why=why) from error
    charged = None if cgroup is None else cgroup.peak_bytes
    return clean(version, 40), Taken(ran.peak_bytes, charged, ran.seconds)
