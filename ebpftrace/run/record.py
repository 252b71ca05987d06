"""The result as JSON: written for programs, and read again to compare with."""

import json
from pathlib import Path
from typing import Any

from ebpftrace.errors import UsageError
from ebpftrace.run.result import RunResult
from ebpftrace.units import format_bytes

SCHEMA = 1
_MOST_BYTES = 16 << 20


def record(result: RunResult) -> dict[str, Any]:
    """docs/run.md describes its fields."""
    end = result.end
    return {
        "schema": SCHEMA,
        "command": list(result.command),
        "exit_code": end.code,
        "signal": end.signal,
        "timed_out": end.timed_out,
        "took_ns": end.took_ns,
        "watched": result.watched,
        "limit_bytes": result.limit_bytes,
        "peak_bytes": result.peak_bytes,
        "peak_holder": result.holder,
        "growth_bytes": result.growth_bytes,
        "oom_kills": result.oom_kills,
        "restarts": result.restarts,
        "events": list(result.events),
        "notes": list(result.notes),
    }


def read_peak(file: Path) -> int:
    """The peak of an earlier run. UsageError if the file has none."""
    try:
        with file.open("rb") as opened:
            earlier = json.loads(opened.read(_MOST_BYTES))
        peak = earlier["peak_bytes"]
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, RecursionError):
        why = "it is not what --json writes"
    else:
        if isinstance(peak, int) and peak > 0:
            return peak
        why = "that run has no peak"
    raise UsageError(
        f"cannot compare with {str(file)!r}", why=why, fix="name a file that --json has written"
    )


def compared(result: RunResult, earlier_bytes: int) -> tuple[float, str]:
    """By which share the peak is higher than an earlier one, and a sentence that says so."""
    peak = result.peak_bytes or 0
    share = peak / earlier_bytes - 1
    change = f"{abs(share):.0%} {'more' if share >= 0 else 'less'}"
    return share, (
        f"the peak is {format_bytes(peak)}, {change} than in the run it is compared with "
        f"({format_bytes(earlier_bytes)})"
    )
