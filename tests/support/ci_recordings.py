"""Recordings of CI jobs made by hand: one value a second, in MiB of a limit of 100."""

from collections.abc import Sequence

from bench.judgement.ci.recording import Recording
from bench.judgement.trace import Row

MIB = 1 << 10  # KiB
LIMIT = 100 * MIB


def ci_recording(
    held_mib: Sequence[int],
    *,
    job: str = "made",
    leaky: bool = False,
    run: int = 1,
    share: float = 1.25,
    held_out: bool = False,
    limit_kib: int = LIMIT,
) -> Recording:
    """A leak is killed in its last row."""
    rows = tuple(
        Row(
            t_ms=1000 * n, job=0, anon=one * MIB, shmem=0, swap=0, file=0, charge=one * MIB,
            limit=limit_kib, headroom=limit_kib - one * MIB, all_anon=one * MIB, all_shmem=0,
            cache=0, refaults=0, stalled_ms=0, stalls=0, hits=0,
            kills=int(leaky and n == len(held_mib) - 1), processes=1,
        )
        for n, one in enumerate(held_mib)
    )  # fmt: skip
    return Recording(
        job=job, leaky=leaky, share=share, run=run, peak_kib=80 * MIB, limit_kib=limit_kib,
        most_kib=max(held_mib) * MIB, seconds=float(len(held_mib)),
        ended="oom-killed" if leaky else "ok", held_out=held_out, rows=rows,
    )  # fmt: skip
