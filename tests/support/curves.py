"""Curves of memory as the judge sees them: made of numbers, not of a machine."""

import math
from collections.abc import Callable, Iterator

from ebpftrace.judge.detector import Detector
from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.series import HeldSeries
from ebpftrace.ledger.trend import JobSeries
from ebpftrace.units import MIB, NS_PER_SECOND

Curve = Callable[[float], float]  # seconds to MiB
START_NS = 1_000 * NS_PER_SECOND


def sample(
    seconds: float,
    mib: float,
    *,
    limit: float | None = 1024,
    shmem: float = 0,
    hits: int = 0,
    kills: int = 0,
    stalled: float = 0,
    refaults: int = 0,
    majors: int = 0,
    stuck: bool = False,
    high: float | None = None,
    throttled: int = 0,
    full: float = 0,
) -> Sample:
    """`mib` of anon memory at a time; `limit`, `high` and `shmem` in MiB.

    `stalled` and `full`, the PSI of all its tasks, are in s.
    """
    room = None if limit is None else round((limit - mib - shmem) * MIB)
    return Sample(
        time_ns=START_NS + round(seconds * NS_PER_SECOND),
        anon_bytes=round(mib * MIB),
        shmem_bytes=round(shmem * MIB),
        limit_bytes=None if limit is None else round(limit * MIB),
        room_bytes=room,
        limit_hits=hits,
        oom_kills=kills,
        stalled_ns=round(stalled * NS_PER_SECOND),
        refaults=refaults,
        major_faults=majors,
        age_ns=round(seconds * NS_PER_SECOND),
        stuck=stuck,
        high_bytes=None if high is None else round(high * MIB),
        throttled=throttled,
        full_pressure_ns=round(full * NS_PER_SECOND),
    )


def watched(
    curve: Curve, seconds: float, *, limit: float | None = 1024, every: float = 0.5
) -> Samples:
    """The history of a curve, from 0 to `seconds`."""
    *_, samples = watching(curve, seconds, limit=limit, every=every)
    return samples


def watching(
    curve: Curve, seconds: float, *, limit: float | None = 1024, every: float = 0.5
) -> Iterator[Samples]:
    """The same history, after each of its samples."""
    series, samples = JobSeries(), None
    for n in range(int(seconds / every) + 1):
        taken = sample(n * every, curve(n * every), limit=limit)
        series.add(taken.time_ns, taken.held_bytes, taken.room_bytes)
        if samples is None:
            samples = Samples(taken, series.trend)
        else:
            samples.add(taken, series.trend)
        yield samples


def at_first_verdict(detector: Detector, curve: Curve, seconds: float) -> Samples | None:
    """The history when the detector first has a verdict; None if it has none until then."""
    histories = watching(curve, seconds)
    return next((found for found in histories if detector.verdict(found) is not None), None)


def held(curve: Curve, seconds: float, *, every: float = 0.5) -> HeldSeries:
    """The series of a curve in the ledger, from 0 to `seconds`."""
    series = HeldSeries()
    for n in range(int(seconds / every) + 1):
        series.add(START_NS + round(n * every * NS_PER_SECOND), round(curve(n * every) * MIB))
    return series


def line(rate: float, start: float = 20) -> Curve:
    """A leak: so many MiB a second."""
    return lambda t: start + rate * t


def teeth(height: float, period: float, base: float = 50) -> Curve:
    """A collector's sawtooth."""
    return lambda t: base + height * ((t / period) % 1)


def plateau(rate: float, until: float, start: float = 20) -> Curve:
    """A warm-up: it climbs, then stays."""
    return lambda t: start + rate * min(t, until)


def settling(height: float, seconds: float, start: float = 20) -> Curve:
    """A warm-up that flattens little by little, as a cache's does."""
    return lambda t: start + height * (1 - math.exp(-t / seconds))


def paused(rate: float, on: float, off: float, start: float = 20) -> Curve:
    """A leak that rests `off` seconds after each `on`."""

    def curve(t: float) -> float:
        rounds, rest = divmod(t, on + off)
        return start + rate * (rounds * on + min(rest, on))

    return curve


def added(*curves: Curve) -> Curve:
    return lambda t: sum(curve(t) for curve in curves)
