from dataclasses import replace

from ebpftrace.ledger import JobState
from ebpftrace.units import GIB, MIB
from ebpftrace.views.cells import cells
from ebpftrace.views.summary import summary_lines
from tests.support import watches


def test_each_job_with_its_peak_its_holder_its_growth_and_its_kills() -> None:
    leak = watches.job(
        "leak-9", [watches.process(7201, 180 * MIB)], limit=200 * MIB, per_second=4 * MIB
    )
    killed = watches.job(
        "build-42", oom_kills=2, peak=120 * MIB, limit=None, state=JobState.GONE
    )
    assert summary_lines(watches.snapshot(leak, killed), "stopped by Ctrl-C") == [
        "end      12:00:07Z stopped by Ctrl-C, after 7.0s: 2 jobs, 2 processes",
        "job      build-42  peak 120 MiB by gopls 4711, 2 oom kills, no growth",
        "job      leak-9    peak 188 MiB of 200 MiB by gopls 7201, grew 20 MiB",
        "loss     none: every event was counted",
    ]


def test_the_summary_without_processes_says_so() -> None:
    assert summary_lines(watches.snapshot(), "the 2.0s asked for are over") == [
        "end      12:00:07Z the 2.0s asked for are over, after 7.0s",
        "job      none: no process with comm gopls was seen",
        "loss     none: every event was counted",
    ]


def test_losses_are_listed_by_cause() -> None:
    lossy = watches.snapshot(losses={"ring_exit": 12, "cgroups_full": 3})
    last = summary_lines(lossy, "stopped")[-1]
    assert last == "loss     15 missed: ring exit 12, cgroups full 3"


def test_the_stalls_and_then_the_limit_give_way_in_eighty_columns() -> None:
    def line(name: str, oom_kills: int) -> str:
        job = watches.job(
            name,
            [watches.process(7201, GIB)],
            per_second=24 * MIB,
            oom_kills=oom_kills,
            stalled_ns=120_000_000,
        )
        return summary_lines(watches.snapshot(job), "stopped")[1]

    short = line("a", 0)
    assert short.endswith("of 2.0 GiB by gopls 7201, grew 120 MiB, stalled 120ms")
    assert line("pipeline-12345678", 0).endswith("of 2.0 GiB by gopls 7201, grew 120 MiB")
    assert line("pipeline-12345678", 1).endswith(
        "peak 1.0 GiB by gopls 7201, 1 oom kill, grew 120 MiB"
    )
    assert cells(line("構" * 60, 1)) <= 80


def test_of_many_jobs_the_rest_is_counted() -> None:
    jobs = [watches.job(f"job-{n}", peak=n * MIB) for n in range(1, 31)]
    lines = summary_lines(watches.snapshot(*jobs), "stopped")
    assert len(lines) == 13
    assert lines[1].startswith("job      job-30")
    assert lines[11] == "job      … and 20 more jobs, none above 20 MiB"


def test_memory_given_back_is_no_growth() -> None:
    shrunk = watches.job("a", [watches.process()], per_second=-MIB)
    assert "shrank 5.0 MiB" in summary_lines(watches.snapshot(shrunk), "stopped")[1]


def test_what_was_killed_had_grown() -> None:
    killed = watches.job("a", [watches.process()], per_second=-MIB, oom_kills=1)
    grown = replace(killed, peak_growth_bytes=290 * MIB)
    assert "1 oom kill, grew 290 MiB" in summary_lines(watches.snapshot(grown), "stopped")[1]


def test_forgotten_jobs_are_counted() -> None:
    long = watches.snapshot(watches.job())._replace(forgotten_jobs=1500)
    assert summary_lines(long, "stopped")[-2] == (
        "job      1,500 jobs that ended earlier: forgotten"
    )
