"""What is wrong with the gopls that run."""

import re
from collections.abc import Callable, Iterator, Sequence

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.files.rules.commands import LARGEST_TOO_SMALL, LIMIT_CGROUP, ULIMIT
from ebpftrace.doctor.files.rules.settings import INVENTED, VARIABLE
from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.text import clean
from ebpftrace.units import GIB, KIB, MIB, format_bytes

_AREA = "gopls"
_MOST_SHOWN = 16
_GOMEMLIMIT = re.compile(r"([0-9]{1,18})(|B|[KMGT]iB)")
_BYTES = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": GIB * KIB}

NoEffect = Callable[[int], frozenset[str]]
"""The flags of which the gopls of a process itself says that they have no effect."""


def check_gopls(
    processes: Sequence[GoplsProcess], no_effect: NoEffect
) -> Iterator[CheckResult]:
    """A line for each, up to 16, and what is wrong with any."""
    if not processes:
        yield CheckResult(_AREA, "running", CheckState.OK, "no gopls runs now")
    for process in processes[:_MOST_SHOWN]:
        seen = (
            f"{name_of(process)}: {format_bytes(process.resident_bytes)} resident, in the "
            f"memory cgroup {clean(process.cgroup, 200) or '?'}"
        )
        yield CheckResult(_AREA, "running", CheckState.OK, seen)
        yield from _of_one(process, no_effect)
    if (more := len(processes) - _MOST_SHOWN) and more > 0:
        seen = f"{more} more run, and are not shown"
        yield CheckResult(_AREA, "running", CheckState.OK, seen)


def _of_one(process: GoplsProcess, no_effect: NoEffect) -> Iterator[CheckResult]:
    name = name_of(process)
    for variable in INVENTED:
        if variable in process.variables:
            seen = f"{name} has {variable} in its environment"
            yield CheckResult(
                _AREA, "variable", CheckState.WARNING, seen, VARIABLE.why, INVENTED[variable]
            )
    space = process.address_space_bytes
    if space is not None and space <= LARGEST_TOO_SMALL:
        seen = f"{name} has a limit of {format_bytes(space)} of address space (ulimit -v)"
        yield CheckResult(
            _AREA, "address space", CheckState.ERROR, seen, ULIMIT.why, LIMIT_CGROUP
        )
    given, limit = _gomemlimit(process), process.limit_bytes
    if given is not None and limit is not None and given >= limit:
        yield CheckResult(
            _AREA, "GOMEMLIMIT", CheckState.WARNING,
            f"{name} has a GOMEMLIMIT of {format_bytes(given)} in a memory cgroup with a limit "
            f"of {format_bytes(limit)}",
            "its collector does not hurry before the OOM killer strikes",
            f"GOMEMLIMIT={limit * 9 // 10 // MIB}MiB, nine tenths of the limit",
        )  # fmt: skip
    flags = {
        word.lstrip("-").partition("=")[0] for word in process.arguments[1:] if word[:1] == "-"
    }
    for flag in sorted(flags & no_effect(process.pid)) if flags else ():
        seen = f"{name} was started with -{flag}"
        why = "its own help says that this flag has no effect"
        yield CheckResult(_AREA, "flag", CheckState.WARNING, seen, why, "remove it")


def name_of(process: GoplsProcess) -> str:
    """Its version and pid."""
    version = clean(process.version, 40) or "of an unknown version"
    return f"gopls {version} (pid {process.pid})"


def _gomemlimit(process: GoplsProcess) -> int | None:
    found = _GOMEMLIMIT.fullmatch(process.variables.get("GOMEMLIMIT", ""))
    return None if found is None else int(found[1]) * _BYTES[found[2]]
