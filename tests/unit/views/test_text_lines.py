import pytest

from ebpftrace.ledger import JobState, Note
from ebpftrace.units import GIB, MIB
from ebpftrace.views.cells import cells
from ebpftrace.views.text_lines import note_line, snapshot_line, start_lines
from tests.support import watches

HEAD = "12:00:07Z"


def test_a_watch_begins_with_what_it_watches_and_every_remark() -> None:
    long = "mapping calls are counted, and every system call of the machine is slower"
    assert start_lines(watches.started((long,))) == [
        "start    12:00:00Z watching comm gopls, every 1.0s, cgroups v2, kernel 6.18.5",
        "remark   mapping calls are counted, and every system call of the machine is",
        "         slower",
    ]


def test_the_first_line_leaves_out_what_does_not_fit() -> None:
    started = watches.started()._replace(kernel="6.1.0-50-cloud-amd64", cgroups="hybrid")
    assert start_lines(started) == [
        "start    12:00:00Z watching comm gopls, every 1.0s, cgroups hybrid"
    ]
    (cut_short,) = start_lines(started._replace(watching="comm " + "g" * 80))
    assert cells(cut_short) == 80


@pytest.mark.parametrize(
    ("note", "line"),
    [
        (
            watches.process_note(),
            f"process  {HEAD} exec gopls 4711 in build-42: gopls -mode=stdio",
        ),
        (
            watches.process_note("exit", exit_code=2, signal=0),
            f"process  {HEAD} exit gopls 4711 in build-42: peak 520 MiB, exit code 2",
        ),
        (
            watches.process_note("exit", exit_code=0, signal=9),
            f"process  {HEAD} exit gopls 4711 in build-42: peak 520 MiB, killed by SIGKILL",
        ),
        (
            watches.process_note("exit", comm="sh", exit_code=0, signal=0, executed=True),
            f"process  {HEAD} exit sh 4711 in build-42: peak 520 MiB, replaced by exec",
        ),
        (
            watches.oom_note(),
            f"oom_kill {HEAD} gopls 4711 in build-42: it held 192 MiB, limit 200 MiB",
        ),
        (
            watches.stall_note(),
            f"stall    {HEAD} build-42: waited 120ms for memory, 14 times",
        ),
        (
            watches.pressure_note(),
            f"pressure {HEAD} build-42: waited 310ms of 900ms for memory, all tasks 120ms",
        ),
        (
            watches.loss_note(),
            f"loss     {HEAD} 12 missed: ring buffer full (30 so far)",
        ),
    ],
)
def test_each_note_is_one_line_that_fits(note: Note, line: str) -> None:
    assert note_line(note) == line
    assert cells(line) <= 80


def test_a_snapshot_without_processes_shows_what_is_waited_for() -> None:
    line = snapshot_line(watches.snapshot())
    assert line == f"snapshot {HEAD} waiting for a process with comm gopls…"


def test_jobs_that_ended_are_not_counted() -> None:
    ended = watches.job("ended", state=JobState.GONE, oom_kills=1)
    line = snapshot_line(watches.snapshot(watches.job("a", [watches.process()]), ended))
    assert ", 1 job, 1 proc; a " in line
    assert snapshot_line(watches.snapshot(ended)).endswith(
        f"{HEAD} waiting for a process with comm gopls…"
    )


def test_totals_fit_a_line_with_the_largest_job() -> None:
    small = watches.job("small", [watches.process(1, 10 * MIB)])
    large = watches.job("large", [watches.process(2, 500 * MIB)])
    line = snapshot_line(watches.snapshot(small, large))
    assert line == f"snapshot {HEAD} 510 MiB, 2 jobs, 2 procs; large 500 MiB 28%"


def test_the_share_and_the_processes_give_way_to_growth_and_time_left() -> None:
    growing = watches.job(
        "pipeline-1234567890",
        [watches.process(1, GIB, 35 * MIB)],
        per_second=35 * MIB,
        seconds_to_limit=27.0,
    )
    line = snapshot_line(watches.snapshot(growing))
    assert line == (
        f"snapshot {HEAD} 1.0 GiB, 1 job; pipeline-1234… 1.0 GiB +35 MiB/s, full in 27s"
    )
    wide = snapshot_line(watches.snapshot(growing), width=90)
    assert "1 job, 1 proc; pipeline" in wide
    assert wide.endswith(" 1.0 GiB 53% +35 MiB/s, full in 27s")
    assert (cells(line), cells(wide)) == (80, 90)


def test_every_snapshot_line_counts_the_losses() -> None:
    lossy = watches.snapshot(watches.job("a", [watches.process()]), losses={"cgroups_full": 3})
    assert snapshot_line(lossy).endswith("; 3 missed")
    assert snapshot_line(watches.snapshot(losses={"cgroups_full": 3})).endswith("; 3 missed")


def test_what_is_waited_for_is_cut_and_what_was_missed_is_not() -> None:
    long = watches.snapshot(losses={"cgroups_full": 3})._replace(watching=f"comm {'ö構' * 150}")
    line = snapshot_line(long)
    assert line.startswith(f"snapshot {HEAD} waiting for a process with comm ö構")
    assert line.endswith("……; 3 missed")  # what was cut, and the sentence's own
    assert 78 <= cells(line) <= 80


def test_a_name_of_wide_characters_is_cut_by_columns() -> None:
    named = watches.job("構築作業" * 10, [watches.process()])
    line = snapshot_line(watches.snapshot(named))
    assert cells(line) <= 80
    assert "…" in line
