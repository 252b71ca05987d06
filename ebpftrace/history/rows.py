"""A run as a row of the history, and back. What is read is never trusted to be complete."""

import json
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import CurvePoint, ProgramVersion, Run, RunEnd
from ebpftrace.text import PATH_LIMIT, clean
from ebpftrace.units import KIB

RUN_COLUMNS = (
    "watch_key, start_ns, duration_ns, limit_bytes, peak_bytes, run_end, measured, curve, "
    "programs"
)
JOB_COLUMNS = "key, name, kind, place"

_POINT = struct.Struct("<II")  # hundredths of a second, KiB
_MOST = (1 << 32) - 1
_MAX_PROGRAMS = 16
_ENDS = {end.value: end for end in RunEnd}


def run_values(run: Run) -> tuple[object, ...]:
    """The values of RUN_COLUMNS."""
    return (
        run.watch_key,
        run.start_time_ns,
        run.duration_ns,
        run.limit_bytes,
        run.peak_bytes,
        run.end.value,
        run.measured,
        b"".join(_packed(run.curve)),
        json.dumps(run.programs[:_MAX_PROGRAMS], separators=(",", ":")),
    )


def run_from(job: RecurringJob, values: Sequence[Any]) -> Run:
    """The run from the values of RUN_COLUMNS."""
    watch_key, start, duration, limit, peak, end, measured, curve, programs = values
    return Run(
        job=job,
        watch_key=watch_key,
        start_time_ns=start,
        duration_ns=duration,
        limit_bytes=limit,
        peak_bytes=peak,
        curve=_unpacked(curve),
        end=_ENDS.get(end, RunEnd.UNKNOWN),
        measured=measured,
        programs=_programs(programs),
    )


def job_from(values: Sequence[str]) -> RecurringJob:
    """The job from the values of JOB_COLUMNS."""
    key, name, kind, place = values
    return RecurringJob(key, clean(name, 1024), clean(kind), clean(place, PATH_LIMIT))


def _packed(curve: Iterable[CurvePoint]) -> Iterable[bytes]:
    """Held bytes are rounded up, so that the highest point is never below the peak."""
    for point in curve:
        yield _POINT.pack(
            min(round(point.age_s * 100), _MOST), min(-(-point.held_bytes // KIB), _MOST)
        )


def _unpacked(packed: bytes) -> tuple[CurvePoint, ...]:
    whole = len(packed) - len(packed) % _POINT.size
    return tuple(
        CurvePoint(age / 100, kib * KIB) for age, kib in _POINT.iter_unpack(packed[:whole])
    )


def _programs(text: str) -> tuple[ProgramVersion, ...]:
    try:
        pairs = json.loads(text)
        return tuple(ProgramVersion(clean(name), clean(version)) for name, version in pairs)
    except (ValueError, TypeError, AttributeError):
        return ()  # the file was edited
