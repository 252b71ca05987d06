"""The past of a recorded run: other runs of its job, as the history would have kept them."""

from collections.abc import Sequence
from dataclasses import replace

from bench.judgement.ci.recording import Recording
from ebpftrace.history.curve import CurveRecorder
from ebpftrace.history.past import Past, past_from
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run, RunEnd
from ebpftrace.units import NS_PER_SECOND

_KIB = 1 << 10
_MEASURED = "cgroup"  # the same of all recordings


def earlier_runs(recording: Recording, all_of_them: Sequence[Recording]) -> list[Recording]:
    """Healthy runs of the same job at the same limit; then, at the nearest other one.

    A healthy run is not in its own past. What follows it in the order of the runs comes
    first, so that a past of one run is another one for each of them.
    """
    others = [
        one
        for one in all_of_them
        if one.job == recording.job and not one.leaky and one is not recording
    ]
    return sorted(
        others,
        key=lambda one: (
            abs(one.limit_kib - recording.limit_kib),
            (one.run - recording.run) % 3,
        ),
    )


def past_of(recording: Recording, earlier: Sequence[Recording], most: int) -> Past | None:
    """The past made of `most` earlier runs; None if none of them is comparable."""
    past = past_from(map(_run, earlier), recording.limit_kib * _KIB, _MEASURED)
    if past is None or past.runs <= most:
        return past
    usable = [one for one in earlier if past_from([_run(one)], recording.limit_kib * _KIB,
                                                  _MEASURED) is not None]  # fmt: skip
    return past_from(map(_run, usable[:most]), recording.limit_kib * _KIB, _MEASURED)


def held(recording: Recording, share: float) -> Recording:
    """The same run, had it held so much of what it did."""
    names = ("anon", "shmem", "swap", "all_anon", "all_shmem")
    rows = [
        replace(row, **{name: int(getattr(row, name) * share) for name in names})
        for row in recording.rows
    ]
    return replace(recording, rows=tuple(rows))


def _run(recording: Recording) -> Run:
    curve = CurveRecorder()
    for row in recording.rows:
        if row.job == 0 and row.t_ms >= 0:
            curve.add(row.t_ms / 1000, (row.held_kib + row.swap) * _KIB)
    return Run(
        job=RecurringJob(recording.job, recording.job, "cgroup", f"/ci-{recording.job}"),
        watch_key=recording.job,
        start_time_ns=0,
        duration_ns=round(recording.seconds * NS_PER_SECOND),
        limit_bytes=recording.limit_kib * _KIB,
        peak_bytes=curve.peak_bytes,
        curve=curve.points,
        end=RunEnd.OK,
        measured=_MEASURED,
    )
