"""Records every job at every limit on every load; what is kept already is not done again."""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.judgement.ci.jobs import JOBS, Job
from bench.judgement.ci.recording import Recording, name_of, path_of, save, thinned
from bench.judgement.ci.running import Ran, run_job

SHARES = (1.1, 1.25, 2.0)
RUNS = (1, 2, 3)
LEAK_SECONDS = 18.0  # that a leak alone takes for as much as the job's peak
_TRIES = 2  # of a healthy run that the limit did not hold
_CANNOT_RUN = (OSError, subprocess.SubprocessError)


def record(jobs: Sequence[Job], work: Path, lanes: int) -> None:
    """All of them, `lanes` jobs at a time, first each once; prints a line a run."""
    with ThreadPoolExecutor(lanes) as pool:
        for run in RUNS:
            for job in jobs:
                pool.submit(_recorded, job, work, run)


def _recorded(job: Job, work: Path, run: int) -> None:
    try:
        peak_kib = measured_peak(job, work)
        for share in SHARES:
            _keep(job, work, share, run, peak_kib)
        if job.leaky:
            _keep(job, work, SHARES[run - 1], run, peak_kib, leaky=True)
    except _CANNOT_RUN as error:  # the others are recorded all the same
        print(f"{job.name}: not recorded: {error!r}", flush=True)
    except BaseException as error:
        print(f"{job.name}: {error!r}", flush=True)
        raise


def _keep(
    job: Job, work: Path, share: float, run: int, peak_kib: int, *, leaky: bool = False
) -> None:
    name = name_of(job.name, leaky, share, run)
    if path_of(name).exists():
        return
    limit_kib = int(peak_kib * share)
    leak_mib = peak_kib / 1024 / LEAK_SECONDS if leaky else 0.0
    for _ in range(_TRIES):
        ran = run_job(job, work, run, limit_kib=limit_kib, leak_mib=leak_mib)
        print(f"{name}: {ran.ended} after {ran.seconds:.1f} s, {ran.peak_kib >> 10} of "
              f"{limit_kib >> 10} MiB, {len(ran.rows)} rows", flush=True)  # fmt: skip
        if (ran.ended == "oom-killed") == leaky and ran.ended != "failed":
            save(_recording(job, share, run, peak_kib, limit_kib, ran, leaky=leaky))
            return


def _recording(
    job: Job, share: float, run: int, peak_kib: int, limit_kib: int, ran: Ran, *, leaky: bool
) -> Recording:
    return Recording(
        job=job.name, leaky=leaky, share=share, run=run, peak_kib=peak_kib,
        limit_kib=limit_kib, most_kib=ran.peak_kib,
        seconds=round(ran.seconds, 1), ended=ran.ended, held_out=job.held_out,
        rows=thinned(ran.rows),
    )  # fmt: skip


def measured_peak(job: Job, work: Path) -> int:
    """Its peak without a limit, in KiB, measured once and kept beside the packages."""
    path = work / "peaks" / job.name
    if path.exists():
        return int(path.read_text(encoding="utf-8"))
    if "$KEPT" in job.script:
        run_job(job, work, 1)  # fills what the runs share
    runs = [run_job(job, work, 1) for _ in range(job.peak_runs)]
    peak_kib = max(ran.peak_kib for ran in runs)
    print(f"{job.name}: peak {peak_kib >> 10} MiB", flush=True)
    if any(ran.ended != "ok" for ran in runs):
        raise OSError("it does not end well without a limit")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{peak_kib}\n", encoding="utf-8")
    return peak_kib


def chosen(names: Sequence[str]) -> list[Job]:
    """The jobs of these names, in their order; all of them if none is named."""
    return [job for name in names for job in JOBS if job.name == name] or list(JOBS)
